"""How many images of CIFAR-10 a second one GPU trains Bi-Real-20 on, alone and in company, by the way of sharing.

    python benchmarks/cifar_gpu.py [--device cuda] [--minutes 8.5] [--only same,alone,shared]

Needs torch, NumPy and this repository, no data set: images are random bytes, so times are those of the real ones and
losses mean nothing. It prints, as Markdown:

same      how far each way of sharing is from separate trainings, in double precision, after three steps
alone     one training: called kernel by kernel, as a graph, compiled and as a graph; fp32 and bf16
shared    several at once: one after the other in one graph, a stream each in one graph, fused into grouped
          convolutions, and a process each

beside the limit of an H100: 75 ms an epoch of 50,000 images where every activation is read and written as seldom as
can be, 157 ms as these kernels do it, both by memory traffic. What no longer fits into the minutes is left out, with a
line that says so.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from binarynet.graphs import EAGER_CALLS, Repeated
from binarynet.images import use_tensor_cores_as_asked
from binarynet.methods import filter as filtering
from binarynet.quantizers import sign_activation
from binarynet.stacked import Stacked
from binarynet.training import Budget, Data, Labelled, Training
from cifar_task.images import WHOLE, Augmented
from cifar_task.networks import bireal20

IMAGES, BATCH, EPOCH = 45_000, 256, 50_000
LIMIT_MS = (75, 157)
CONFIGURATION = {"alpha": 1e-3, "gamma": 0.1}


def make_data(device: str, images: int) -> Data:
    """Random images."""
    generator = torch.Generator().manual_seed(0)
    padded = torch.randint(0, 256, (images, WHOLE, WHOLE, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (images,), generator=generator)
    held_out = Labelled(padded[:256, 4:36, 4:36].permute(0, 3, 1, 2).to(device), labels[:256].to(device))
    return Data(Augmented(padded.to(device), labels.to(device)), held_out, held_out)


def network() -> torch.nn.Module:
    """One plain network."""
    return bireal20.Network("bireal")


class Streams(Stacked):
    """Every trial on a stream of its own: branches of one graph."""

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cuda:
            return super().forward(x)
        main, outputs = torch.cuda.current_stream(), []
        slices = self._slices()
        for trial in range(self.k):
            stream = self._streams[trial]
            stream.wait_stream(main)
            with torch.cuda.stream(stream):
                outputs.append(self._one(x, slices, trial))
        for stream in self._streams:
            main.wait_stream(stream)
        for tensor in (x, *(own for tensors in slices.values() for own in tensors)):
            for stream in self._streams:
                tensor.record_stream(stream)
        return torch.stack(outputs).to(self.stacked[0].dtype)

    def to(self, *arguments, **keywords):
        """Also makes the streams."""
        moved = super().to(*arguments, **keywords)
        if self.stacked[0].is_cuda:
            self._streams = [torch.cuda.Stream(self.stacked[0].device) for _ in range(self.k)]
        return moved


class Compiled(Stacked):
    """The network of one trial through torch.compile, which fuses what lies between convolutions."""

    def __init__(self, k: int, build: Callable[[], torch.nn.Module]) -> None:
        super().__init__(k, build)
        self.call = torch.compile(super().call)


class Fused(Stacked):
    """All trials in one convolution of k groups: Bi-Real-20 over (b, k * channels, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        k, own = self.k, dict(self._named())
        images = self._rounded(x.transpose(0, 1).flatten(1, 2))
        if x.is_cuda:
            images = images.contiguous(memory_format=torch.channels_last)
        buffers = dict(zip(self._buffer_names, self.buffers(), strict=True))
        scale = [buffers[f"first.0.{name}"].view(k * 3, 1, 1) for name in ("mean", "deviation")]
        h = ((images - scale[0]) / scale[1]).to(images.dtype)
        h = self._norm(self._convolution(h, own["first.1.weight"], 1), "first.2", own, buffers)
        for number, block in enumerate(self.network.blocks):
            weight = own[f"blocks.{number}.branch.1.weight"]
            y = self._convolution(sign_activation(h, "bireal"), weight, block.stride)
            y = self._norm(y, f"blocks.{number}.branch.2", own, buffers)
            if block.stride > 1:
                every = h[:, :, ::2, ::2].unflatten(1, (k, -1))
                h = functional.pad(every, (0, 0, 0, 0, block.added, block.added)).flatten(1, 2)
            h = h + y
        pooled = h.mean(dim=(2, 3)).unflatten(1, (k, -1)).transpose(0, 1)  # (k, b, channels)
        logits = torch.baddbmm(
            self._rounded(own["last.bias"])[:, None], pooled, self._rounded(own["last.weight"]).transpose(1, 2)
        )
        return logits.transpose(1, 2).to(self.stacked[0].dtype)

    def _convolution(self, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        return functional.conv2d(
            x, self._rounded(weight.flatten(0, 1)), stride=stride, padding=1, groups=self.k
        )  # fmt: skip

    def _norm(self, x: Tensor, name: str, own: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        return functional.batch_norm(
            x, buffers[f"{name}.running_mean"].view(-1), buffers[f"{name}.running_var"].view(-1),
            own[f"{name}.weight"].view(-1), own[f"{name}.bias"].view(-1), self.training, 0.1, 1e-5,
        )  # fmt: skip


def training(kind: type[Stacked], k: int, precision: str, data: Data, batch: int, device: str) -> Training:
    """Ready for its first step."""
    run = Training(
        lambda k: kind(k, network), filtering.METHOD, [CONFIGURATION] * k, range(k), data, Budget(400, batch),
        precision, device,
    )  # fmt: skip
    run.begin()
    return run


def wait(device: str) -> None:
    """For the GPU to have finished."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def rate(
    run: Training,
    device: str,
    graph: bool,
    steps: int,
    rounds: int,
    batch: int,
    ready: Callable[[], object] = lambda: None,
) -> float:
    """Images a second of all trials together: the median of a few rounds of steps."""
    step = Repeated(run.step, device) if graph else run.step
    for _ in range(EAGER_CALLS + 3):
        step()
    wait(device)
    ready()
    rates = []
    for _ in range(rounds):
        run.begin()
        wait(device)
        started = time.perf_counter()
        for _ in range(steps):
            step()
        wait(device)
        rates.append(run.k * batch * steps / (time.perf_counter() - started))
    return statistics.median(rates)


def row(way: str, at_once: int, found: float) -> None:
    """One line of a table."""
    ms = 1000 * EPOCH / found
    share = f"{LIMIT_MS[1] / ms:.0%} to {LIMIT_MS[0] / ms:.0%}"
    print(f"| {way} | {at_once} | {found:,.0f} | {ms:.0f} | {share} |", flush=True)


def head(title: str) -> None:
    """The head of a table."""
    print(f"\n{title}\n\n| way | trainings | images a second, all | ms an epoch of 50,000 | of an H100's limit |")
    print("| --- | --- | --- | --- | --- |", flush=True)


def attempt(way: str, at_once: int, measured: Callable[[], float]) -> None:
    """A row, or why there is none: a way that fails must not hide the others."""
    try:
        row(way, at_once, measured())
    except Exception as error:
        print(f"| {way} | {at_once} | failed: {type(error).__name__}: {' '.join(str(error).split())[:150]} | | |")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def in_process(device: str, images: int, steps: int, rounds: int, batch: int, barrier, results) -> None:
    """One training of several, each in a process of its own."""
    torch.set_num_threads(1)
    if device.startswith("cuda"):
        use_tensor_cores_as_asked()
    try:
        run = training(Stacked, 1, "bf16", make_data(device, images), batch, device)
        results.put(rate(run, device, True, steps, rounds, batch, lambda: barrier.wait(60)))
    except Exception as error:
        results.put(f"{type(error).__name__}: {error}")


def processes(count: int, device: str, images: int, steps: int, rounds: int, batch: int) -> float:
    """Images a second of `count` processes together."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    running = [
        context.Process(target=in_process, args=(device, images, steps, rounds, batch, barrier, results), daemon=True)
        for _ in range(count)
    ]
    try:
        for process in running:
            process.start()
        found = [results.get(timeout=90) for _ in running]
    finally:
        for process in running:
            process.kill()
    if failed := [text for text in found if isinstance(text, str)]:
        raise RuntimeError(failed[0])
    return sum(found)


def same(device: str) -> None:
    """Print how far each way is from separate trainings."""
    print("\nAfter three steps of four trainings in double precision, against each alone:")
    data = make_data(device, 1000)

    def losses(kind: type[Stacked], trials: range) -> Tensor:
        run = Training(
            lambda k: kind(k, network), filtering.METHOD, [CONFIGURATION] * len(trials), trials, data,
            Budget(1, 16), "fp64", device,
        )  # fmt: skip
        run.begin()
        for _ in range(3):
            run.step()
        return run.loss.cpu()

    alone = torch.cat([losses(Stacked, range(trial, trial + 1)) for trial in range(4)])
    for kind in (Stacked, Streams, Fused):
        found = ((losses(kind, range(4)) - alone).abs() / alone).max()
        print(f"- {kind.__name__}: losses differ by at most {found:.1e} of them", flush=True)


def parts(
    device: str, images: int, steps: int, rounds: int, batch: int, several: Sequence[int]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Every row of the two tables, with the table it belongs to."""
    data = make_data(device, images)

    def measured(kind: type[Stacked], k: int, precision: str, graph: bool) -> Callable[[], float]:
        return lambda: rate(training(kind, k, precision, data, batch, device), device, graph, steps, rounds, batch)

    yield "alone", lambda: head("One training:")
    for precision in ("fp32", "bf16"):
        for way, kind, graph in (("called", Stacked, False), ("graph", Stacked, True), ("compiled", Compiled, True)):
            name = f"{way}, {precision}"
            yield "alone", lambda n=name, a=(kind, 1, precision, graph): attempt(n, 1, measured(*a))
    yield "shared", lambda: head("Several trainings, bf16, graphs:")
    for k in several:
        for way, kind in (("one after the other", Stacked), ("a stream each", Streams), ("fused", Fused)):
            yield "shared", lambda n=way, a=(kind, k, "bf16", True), k=k: attempt(n, k, measured(*a))
        yield (
            "shared",
            lambda k=k: attempt("a process each", k, lambda: processes(k, device, images, steps, rounds, batch)),
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--only", default="same,alone,shared")
    parser.add_argument("--images", type=int, default=IMAGES, help="fewer, to try the script where there is no GPU")
    parser.add_argument("--batch", type=int, default=BATCH, help="smaller, likewise")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--several", default="2,4,8", help="how many trainings share the GPU")
    arguments = parser.parse_args()
    deadline, device = time.monotonic() + 60 * arguments.minutes - 30, arguments.device
    if device.startswith("cuda"):
        use_tensor_cores_as_asked()
        print(torch.cuda.get_device_name(device), end="")
    else:
        torch.set_num_threads(1)
        print("the CPU, one thread", end="")
    print(f", torch {torch.__version__}, batches of {arguments.batch}", end="; ")
    print(f"medians of {arguments.rounds} rounds of {arguments.steps} steps")
    wanted = arguments.only.split(",")
    if "same" in wanted:
        same(device)
    several = [int(text) for text in arguments.several.split(",")]
    sizes = arguments.images, arguments.steps, arguments.rounds, arguments.batch
    for table, measure in parts(device, *sizes, several):
        if time.monotonic() > deadline:
            print("(out of time: the rest is left out)")
            break
        if table in wanted:
            measure()


if __name__ == "__main__":
    main()
