"""The scripts for a GPU, whole, on the CPU at a tiny size: on the first GPU that they meet nothing is left to mend."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed(script, *arguments):
    # What torch.compile would make needs a compiler, and minutes.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TORCH_COMPILE_DISABLE": "1"}
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--device", "cpu", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_of_the_audio_network():
    text = printed(
        "gpu.py", "--share", "0.01", "--trials", "6", "--repeats", "2", "--widths", "16", "--packs", "1,2",
        "--only", "same,figure8,steps,profile",
    )  # fmt: skip
    assert text.count("agree to the bit") == 2
    assert "DIFFER" not in text
    assert "Figure 8: 24 trainings of 180 clips" in text
    for precision in ("fp32", "bf16"):
        for method in ("latent", "filter"):
            for k in (1, 2):
                assert f"| {method} | 16 | {precision} | {k} |" in text
    assert "out of time" not in text
    assert "Self CPU" in text


def test_of_images():
    text = printed("cifar_gpu.py", "--images", "32", "--batch", "4", "--steps", "1", "--rounds", "1", "--several", "2")
    for row in ("called, fp32", "graph, bf16", "compiled, fp32", "one after the other", "a stream each", "fused"):
        assert row in text
    assert "a process each" in text
    assert not [line for line in text.splitlines() if "failed" in line.lower() or "Error" in line]
    assert "out of time" not in text
