"""Figure 2 of Quist, Li and van Gemert (2023): the gradients of binary weights under a first- and second-order filter.

    python benchmarks/gradient_filters.py                                    # spoken digits, into reports/figure2-fsdd
    python benchmarks/gradient_filters.py figure8-cifar10 reports/figure2-cifar10 device=cuda:0 seeds=3

Trains `filter` at the paper's alpha of 1e-3 and gamma of 0.1 on a study's task, records the gradients of WEIGHTS binary
weights at every step, and filters them afterwards, with a constant alpha: to first order (one average with alpha), and
to second order (eq. 11 and 12: an average with gamma, then one with alpha). Each seed is a training of its own; the
intervals are over seeds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from settings import parsed
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.methods import filter as filtering
from hpsearch.system.threads import pin_threads

ALPHA, GAMMA = 1e-3, 0.1
WEIGHTS = 500
SHOWN = 200
"""Steps in the picture."""


@dataclass(frozen=True)
class Recording(BinaryMethod):
    """A method that keeps the gradients of some weights, at a fixed place, as a GPU's graph needs it.

    Attributes:
        kept: (steps, k, WEIGHTS) once training has begun.
    """

    method: BinaryMethod = filtering.METHOD
    steps: int = 0
    kept: dict[str, Tensor] = field(default_factory=dict)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Choose the weights, the same for all trials."""
        state = self.method.start(noise, h)
        chosen = torch.randperm(noise.shape[1], generator=torch.Generator().manual_seed(0))[:WEIGHTS]
        self.kept["chosen"] = chosen.to(noise.device)
        self.kept["gradients"] = noise.new_zeros(self.steps, len(noise), WEIGHTS)
        return state

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """The method's."""
        return self.method.weights(state, h, training)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The method's."""
        return self.method.gradient(state, gradient, h)

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """The method's; and keep the gradients."""
        self.method.update(state, gradient, h)
        now = h["step"].flatten()[:1].long() - 1
        self.kept["gradients"].index_copy_(0, now, gradient.index_select(1, self.kept["chosen"])[None])


def average(values: np.ndarray, weight: float) -> np.ndarray:
    """Exponential moving average from 0 along the first axis: a_i = (1 - weight) a_{i-1} + weight v_i."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([weight], [1, weight - 1], values, axis=0))


def flips(values: np.ndarray) -> np.ndarray:
    """Changes of sign per step and weight, of (steps, seeds, weights); (seeds,)."""
    signs = values > 0
    return np.asarray((signs[1:] != signs[:-1]).mean(axis=(0, 2)))


def draw(gradients: np.ndarray, first: np.ndarray, second: np.ndarray, weight: int, paths: list[Path]) -> None:
    """One weight of the first seed in the middle of the training, filter outputs scaled up to the gradients' range."""
    from matplotlib.figure import Figure

    from hpsearch.report.style import LOOKS, Look, save

    begin = len(gradients) // 2 - SHOWN // 2
    part = slice(max(0, begin), begin + SHOWN)
    steps = np.arange(len(gradients))[part]
    with Look().context():
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.add_subplot()
        shown = gradients[part, 0, weight]
        axes.plot(steps, shown, color="#999999", linewidth=0.6, label="gradient")
        for values, name, (color, _, line) in (
            (first, f"first order (alpha {ALPHA:g})", LOOKS[0]),
            (second, f"second order (alpha {ALPHA:g}, gamma {GAMMA:g})", LOOKS[1]),
        ):
            output = values[part, 0, weight]
            times = np.abs(shown).max() / np.abs(output).max()
            axes.plot(steps, output * times, color=color, linestyle=line, linewidth=1.2, label=f"{name}, x {times:.0f}")
        axes.axhline(0, color="black", linewidth=0.5)
        axes.set_xlabel("step")
        axes.set_ylabel("gradient of one binary weight")
        axes.legend(frameon=False, fontsize=7)
        save(figure, paths)


def main() -> None:
    """The command line."""
    from dataclasses import replace

    from hpsearch.report.markdown import interval, table
    from hpsearch.statistics.bootstrap import bootstrap_mean
    from hpsearch.study.plan import read_plan
    from hpsearch.study.shipped import find_study

    words = [word for word in sys.argv[1:] if "=" not in word]
    study, folder = words or ("figure8-fsdd", "reports/figure2-fsdd")
    settings = parsed([word for word in sys.argv[1:] if "=" in word])
    device, seeds = str(settings.pop("device", "cpu")), int(settings.pop("seeds", 20))
    task: Any = replace(read_plan(find_study(study)).task, **settings)
    task.prepare(lambda *_: None)
    configuration = {"alpha": ALPHA, "gamma": GAMMA}
    runs = []
    for seed in range(seeds):
        recording = Recording(filtering.METHOD.space, filtering.METHOD.schedules, steps=100_000)
        (result,) = task.train(recording, [configuration], [seed], device)
        kept = recording.kept["gradients"][:, 0]
        runs.append(kept[: int(kept.abs().sum(dim=1).nonzero().max()) + 1].cpu().double().numpy())
        print(f"seed {seed}: {len(runs[-1])} steps, {task.objective.name} {result.objective:.4f}", flush=True)
    gradients = np.stack(runs, axis=1)
    first, second = average(gradients, ALPHA), average(average(gradients, GAMMA), ALPHA)

    def row(name: str, values: np.ndarray, delay: float) -> list[str]:
        rough = np.diff(values, axis=0).std(axis=0) / values.std(axis=0)
        cells = (interval(bootstrap_mean(flips(values))), interval(bootstrap_mean(rough.mean(axis=1))))
        return [name, *cells, f"{delay:.0f}"]

    def lag(weight: float) -> float:
        return (1 - weight) / weight

    rows = [["signal", "changes of sign a step", "roughness", "mean delay in steps"]]
    rows.append(row("gradient", gradients, 0))
    rows.append(row(f"first order, alpha {ALPHA:g}", first, lag(ALPHA)))
    rows.append(row(f"second order, alpha {ALPHA:g}, gamma {GAMMA:g}", second, lag(ALPHA) + lag(GAMMA)))
    for smaller in (ALPHA / 10, ALPHA / 100):
        rows.append(row(f"first order, alpha {smaller:g}", average(gradients, smaller), lag(smaller)))
    to = Path(folder)
    to.mkdir(parents=True, exist_ok=True)
    # A weight that makes the point no better than most: the one whose second-order output changes sign as often as the
    # median weight's that changes at all.
    changes = (np.diff(second[:, 0] > 0, axis=0) != 0).sum(axis=0)
    typical = int(np.argmin(np.abs(changes - np.median(changes[changes > 0]))))
    draw(gradients, first, second, typical, [to / f"gradients.{kind}" for kind in ("png", "svg", "pdf")])
    notes = to / "discussion.md"
    page = [
        f"# Gradients under two filters: {study}",
        "![Gradient of one binary weight and its filtered versions](gradients.png)",
        f"(Also as [SVG](gradients.svg) and [PDF](gradients.pdf).) {SHOWN} steps in the middle of the training of the "
        "first seed, of a weight whose second-order output changes sign as often as the median one that changes at "
        "all. Outputs are scaled up to the gradients' range.",
        *(["## Discussion\n\n" + notes.read_text(encoding="utf-8").strip()] if notes.is_file() else []),
        "## All weights\n\n" + table(rows),
        f"Means over {seeds} trainings (95% bootstrap interval) of {WEIGHTS} weights and {len(gradients)} steps each. "
        "Roughness is the standard deviation of a signal's steps over its own. The delay is that of an average's mean "
        "age: (1 - alpha) / alpha, the two of a cascade added.",
        f"Made by `python benchmarks/gradient_filters.py {' '.join(sys.argv[1:])}`".rstrip("` ")
        + f"` with torch {torch.__version__} on {device}; task: {task}.",
    ]
    (to / "README.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    pin_threads()
    main()
