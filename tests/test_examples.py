"""The examples run as they stand, with two studies per method."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hpsearch

EXAMPLES = Path(hpsearch.__file__).parents[1] / "examples"


@pytest.mark.parametrize("script", sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.glob("*/walkthrough.py")))
def test_an_example_goes_from_its_task_to_a_figure(tmp_path, script):
    folder = tmp_path / script.parent
    shutil.copytree(EXAMPLES / script.parent, folder)
    (study,) = folder.glob("*.toml")
    text, changed = re.subn(r"^repeats = \d+", "repeats = 2", study.read_text(), flags=re.MULTILINE)
    assert changed == 1
    study.write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        [sys.executable, script.name], cwd=folder, capture_output=True, text=True, timeout=1500, env=environment
    )
    assert done.returncode == 0, done.stderr
    report = folder / f"{study.stem}-report"
    assert (report / "curves.pdf").read_bytes().startswith(b"%PDF")
    assert (report / "curves.png").stat().st_size > 10_000
    tables = hpsearch.load(folder / f"{study.stem}.db")
    assert tables.trials["state"].eq("complete").all()
    assert len(tables.trials) == tables.comparison.trials * tables.comparison.repeats * len(tables.methods)
    assert tables.trials["objective"].max() > 0.8
    for method in tables.methods:
        assert f"{method} reaches" in done.stdout
