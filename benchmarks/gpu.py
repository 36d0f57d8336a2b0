"""How fast one GPU trains packs of the audio network, and a whole Figure 8 of AudioMNIST's size on it.

    python benchmarks/gpu.py [--device cuda] [--minutes 9] [--only steps,same,figure8]

Needs torch, botorch, NumPy and this repository, no recordings: training data are 18,000 random clips of AudioMNIST's
size (1,280 features, 4 variants) around ten means, validation and test 6,000 each, so that times are those of the
real data and accuracies mean nothing. It prints, as Markdown:

steps     microseconds a step of one network, by width, pack size and precision, as a graph and called one by one,
          beside the least the arithmetic and the memory traffic would take
same      whether a graph trains what the single calls train, to the bit, and what the CPU trains
profile   the kernels that took most time
figure8   20 studies of 25 trials of both methods, 20 epochs each, proposals for one method while the other trains

What no longer fits into the minutes is left out, with a line that says so.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from audio_task.network import Perceptron
from binarynet import graphs, training
from binarynet.method import BinaryMethod
from binarynet.methods import filter as filtering
from binarynet.methods import latent
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import derived_seed
from hpsearch.searchers.botorch import SEARCHER
from hpsearch.searchers.sobol import sobol_configuration
from hpsearch.system.rounding import ask_for_even_rounding

FEATURES, CLIPS, HELD_OUT, VARIANTS, BATCH = 1280, 18_000, 6_000, 4, 128
METHODS: dict[str, BinaryMethod] = {"latent": latent.METHOD, "filter": filtering.METHOD}
# Of an H100 SXM: bytes a second, and fp32 and bf16 multiply-adds counted as two operations a second.
BANDWIDTH, FLOPS = 3.35e12, {"fp32": 67e12, "bf16": 990e12}


def make_data(device: str, precision: str, share: float = 1.0) -> training.Data:
    """Ten noisy clusters; `share` of the clips."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(10, FEATURES, generator=generator)
    dtype = training.PRECISIONS[precision][1]

    def part(variants: int, count: int) -> tuple[Tensor, Tensor]:
        labels = torch.randint(10, (int(count * share),), generator=generator)
        noise = torch.randn(variants, len(labels), FEATURES, generator=generator)
        return (0.1 * means[labels] + noise).to(device, dtype), labels.to(device)

    inputs, labels = part(VARIANTS, CLIPS)
    held_out = [training.Labelled(x[0], y) for x, y in (part(1, HELD_OUT), part(1, HELD_OUT))]
    return training.Data(training.Variants(inputs, labels), *held_out)


def drawn(method: BinaryMethod, k: int) -> list[dict]:
    """The first k configurations of Sobol's sequence."""
    return [sobol_configuration(method.space, 1, i) for i in range(k)]


def build(width: int) -> Callable[[int], Perceptron]:
    """Makes packed networks of a width."""
    return lambda k: Perceptron(k, FEATURES, width, "clip")


def wait(device: str) -> None:
    """For what the device has still to do."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def least(width: int, precision: str) -> tuple[float, float]:
    """Microseconds of one network's step by arithmetic and by memory traffic alone, on an H100.

    Arithmetic: forward and weight gradient of the first layer, those and the input's gradient of the others. Traffic:
    seven passes over the first layer's weights (forward, gradient, SGD with momentum), four over the batch (gather,
    forward, gradient), twelve over the binary layers' state and over each hidden activation; all in fp32.
    """
    flops = 4 * BATCH * FEATURES * width + 6 * BATCH * (2 * width**2 + 10 * width)
    values = 7 * FEATURES * width + 4 * BATCH * FEATURES + 12 * (2 * width**2 + 10 * width) + 12 * 3 * BATCH * width
    return 1e6 * flops / FLOPS[precision], 1e6 * 4 * values / BANDWIDTH


def step_times(
    data: training.Data, method: BinaryMethod, k: int, width: int, precision: str, device: str
) -> list[float]:
    """Seconds of a step of the pack, as calls and as a graph: medians of seven bursts each."""
    budget = training.Budget(20, BATCH)
    medians = []
    for graph in (False, True):
        run = training.Training(build(width), method, drawn(method, k), range(k), data, budget, precision, device)
        step = graphs.Repeated(run.step, device) if graph else run.step
        for _ in range(graphs.EAGER_CALLS + 1):
            run.begin()
            step()
        burst, bursts = min(10, run.steps_per_epoch), []
        for _ in range(7):
            run.begin()
            wait(device)
            started = time.perf_counter()
            for _ in range(burst):
                step()
            wait(device)
            bursts.append((time.perf_counter() - started) / burst)
        medians.append(statistics.median(bursts))
    return medians


def steps(device: str, deadline: float, share: float, widths: Sequence[int], packs: Sequence[int]) -> None:
    """The table of steps."""
    print(f"\n| method | width | precision | k | calls, us a net-step | {'graph' if 'cuda' in device else 'the same'} |"
          " least: arithmetic | least: memory | 1,000 trainings of 20 epochs, s | GB |\n|" + " --- |" * 10)  # fmt: skip
    per_training = 20 * (CLIPS // BATCH)
    for precision in ("fp32", "bf16"):
        data = make_data(device, precision, share)
        for width in widths:
            for name, method in METHODS.items():
                for k in packs:
                    if time.monotonic() > deadline:
                        print("(out of time)")
                        return
                    if device.startswith("cuda"):
                        torch.cuda.reset_peak_memory_stats()
                    calls, graph = step_times(data, method, k, width, precision, device)
                    memory = torch.cuda.max_memory_allocated() / 1e9 if device.startswith("cuda") else float("nan")
                    arithmetic, traffic = least(width, precision)
                    print(
                        f"| {name} | {width} | {precision} | {k} | {1e6 * calls / k:.1f} | {1e6 * graph / k:.1f} "
                        f"| {arithmetic:.1f} | {traffic:.1f} | {1000 * per_training * graph / k:.0f} | {memory:.1f} |",
                        flush=True,
                    )


def same(device: str, share: float) -> None:
    """A graph against single calls on the device, and the device against the CPU."""
    budget = training.Budget(3, BATCH)
    print()
    for name, method in METHODS.items():
        results = {}
        for kind in ("graph", "calls", "cpu"):
            place = "cpu" if kind == "cpu" else device
            data, configurations = make_data(place, "fp32", min(0.1, share)), drawn(method, 8)
            eager = graphs.EAGER_CALLS
            graphs.EAGER_CALLS = eager if kind == "graph" else 10**9
            try:
                results[kind] = training.Training(
                    build(64), method, configurations, range(8), data, budget, "fp32", place
                ).run()
            finally:
                graphs.EAGER_CALLS = eager
        to_the_bit = results["graph"] == results["calls"]
        gaps = [abs(a.objective - b.objective) for a, b in zip(results["graph"], results["cpu"], strict=True)]
        first = [
            abs(a.curves["train_loss"][0] / b.curves["train_loss"][0] - 1)
            for a, b in zip(results["graph"], results["cpu"], strict=True)
        ]
        print(
            f"{name}, 8 configurations, 3 epochs: graph and calls {'agree' if to_the_bit else 'DIFFER'} to the bit; "
            f"against the CPU the first epoch's loss differs by at most {max(first):.1e} of it, the accuracy after "
            f"three by {statistics.mean(gaps):.4f} on average"
        )


def profile(device: str, share: float) -> None:
    """The kernels that took most of ten steps of a pack of 20, filtering, width 256."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    run = training.Training(
        build(256), filtering.METHOD, drawn(filtering.METHOD, 20), range(20), make_data(device, "fp32", share),
        training.Budget(20, BATCH), "fp32", device,
    )  # fmt: skip
    for _ in range(3):
        run.begin()
        run.step()
    cuda = device.startswith("cuda")
    with profiler(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as found:
        run.begin()
        for _ in range(min(10, run.steps_per_epoch)):
            run.step()
        wait(device)
    print(found.key_averages().table(sort_by="self_device_time_total" if cuda else "self_cpu_time_total", row_limit=10))


def figure8(device: str, deadline: float, share: float, trials: int = 25, repeats: int = 20) -> None:
    """The whole comparison, timed: each method is one pack, proposals on the CPU in a thread."""
    data, budget = make_data(device, "fp32", share), training.Budget(20, BATCH)
    seeds = {name: [derived_seed(2023, name, r) for r in range(repeats)] for name in METHODS}
    histories = {name: [History()] * repeats for name in METHODS}
    proposing = 0.0

    def propose(name: str) -> list[dict]:
        nonlocal proposing
        started = time.perf_counter()
        found = SEARCHER.propose(METHODS[name].space, histories[name], seeds[name])
        proposing += time.perf_counter() - started
        return found

    wait(device)
    started, trained = time.perf_counter(), 0
    with ThreadPoolExecutor(1) as thread:
        proposals = {name: thread.submit(propose, name) for name in METHODS}
        for trial in range(trials):
            for name, method in METHODS.items():
                if time.monotonic() > deadline:
                    print(f"(out of time after {trained} trainings)")
                    return
                configurations = proposals[name].result()
                trial_seeds = [derived_seed(seed, trial) for seed in seeds[name]]
                results = training.Training(
                    build(256), method, configurations, trial_seeds, data, budget, "fp32", device
                ).run()
                histories[name] = _longer(histories[name], configurations, [r.objective or 0.1 for r in results])
                proposals[name] = thread.submit(propose, name)
                trained += repeats
    wait(device)
    seconds = time.perf_counter() - started
    print(
        f"\nFigure 8: {trained} trainings of {len(data.training.labels):,} clips, 20 epochs, width 256, packs of "
        f"{repeats}: {seconds:.0f} s, of which {proposing:.0f} s of proposals ran beside the training"
    )


def _longer(histories: Sequence[History], configurations: Sequence[dict], objectives: Sequence[float]) -> list[History]:
    return [
        History((*h.configurations, c), (*h.objectives, o))
        for h, c, o in zip(histories, configurations, objectives, strict=True)
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--only", default="same,figure8,steps,profile")
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the clips, to try the script where there is no GPU"
    )
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--widths", default="64,256", help="of the table of steps")
    parser.add_argument("--packs", default="1,10,20,50", help="of the table of steps")
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes - 20
    device, parts = arguments.device, arguments.only.split(",")
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "the CPU"
    print(f"{name}, torch {torch.__version__}")
    if "same" in parts:
        same(device, arguments.share)
    if "figure8" in parts:
        figure8(device, deadline, arguments.share, arguments.trials, arguments.repeats)
    if "steps" in parts:
        widths, packs = ([int(text) for text in of.split(",")] for of in (arguments.widths, arguments.packs))
        steps(device, deadline, arguments.share, widths, packs)
    if "profile" in parts and time.monotonic() < deadline:
        profile(device, arguments.share)


if __name__ == "__main__":
    ask_for_even_rounding()  # as a run does, whose packs are proposed for together
    main()
