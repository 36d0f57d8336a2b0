"""The contracts between the search tool and what it searches: Objective, Result, Method, Task, and seeds.

A task is data, a network and a budget; a method is a way to train together with its search space. The
search tool knows neither audio nor images nor binary networks: it hands a task a method and a list of
configurations with their seeds, and records the results.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias

import numpy as np

from hpsearch.space import Configuration, Space

if TYPE_CHECKING:
    from torch import Tensor

State: TypeAlias = "dict[str, Tensor]"
Hyperparameters: TypeAlias = "Mapping[str, Tensor]"
Outcome = Literal["complete", "diverged", "failed"]
Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total) by anything that takes longer than two seconds."""


class TaskError(Exception):
    """What a task says, in one sentence, when it cannot run: what is wrong, where, and what to do."""

    exit_code = 4


@dataclass(frozen=True)
class Objective:
    """What a task measures on its validation data.

    `chance` is the level of guessing: what a searcher is told of a trial that diverged or failed. It has no
    default, for any number that is better than an honest trial would draw the search to what fails. An objective
    that is measured on test data is not `searchable`: only the searcher "fixed", which looks at none, may be used.
    """

    name: str
    chance: float
    direction: Literal["maximise", "minimise"] = "maximise"
    unit: str = ""
    searchable: bool = True

    def __post_init__(self) -> None:
        if self.direction not in ("maximise", "minimise"):
            raise ValueError(f"direction is 'maximise' or 'minimise', got {self.direction!r}")
        if not math.isfinite(self.chance):
            raise ValueError(f"chance must be finite, got {self.chance}")

    def spent(self, value: float | None) -> float:
        """The objective that a trial counts as: its own, or the chance level where it has none."""
        return self.chance if value is None or not math.isfinite(value) else value

    @staticmethod
    def text(value: float) -> str:
        """A value as a person reads it: four decimals, or four digits where those would be lost."""
        return f"{value:.4f}" if value == 0 or 1e-2 <= abs(value) < 1e6 else f"{value:.4g}"

    def oriented(self, value: float | None) -> float:
        """`spent`, negated where small is good: larger is always better."""
        return self.spent(value) if self.direction == "maximise" else -self.spent(value)


@dataclass(frozen=True)
class Result:
    """What one trial yields.

    Attributes:
        objective: value on validation data, in the objective's unit; None or non-finite where there is none.
        metrics: further numbers, such as the test accuracy. No searcher, incumbent or stopping rule sees them.
        curves: name -> one value an epoch.
        outcome: "complete"; "diverged" where training left the finite numbers; "failed" where it broke.
        reason: one line saying why, unless complete.
    """

    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    outcome: Outcome = "complete"
    reason: str = ""


class Method(Protocol):
    """A training method together with its search space.

    `space` is all that the search tool needs. A task that trains networks also uses the four functions.
    They see every weight tensor of the network with a leading axis of k trials and any rank, and
    hyperparameters of the present step as tensors that broadcast against it, shape [k, 1, ...]: any of
    them may follow a schedule. Booleans arrive as 0 and 1. Beside those of the space there are `step`, from
    1, and `progress`, the share of the training that lies behind, in [0, 1). A method changes its state in
    place and never looks at a value (no `if` on a tensor, no `.item()`), so that a GPU can replay its step.
    `start` and `update` are elementwise and see all
    weights as one tensor [k, n]; `weights` and `gradient` see one layer at a time, [k, out, in, ...], and
    may reduce over a layer's own axes. In training and at evaluation the weights of each output unit have one
    magnitude, signs times a scale; a method whose forward in training is no sign says so with an attribute
    `real_in_training = True`, and is held to signs at evaluation alone.
    """

    @property
    def space(self) -> Space:
        """The method's hyperparameters."""

    @property
    def schedules(self) -> Mapping[str, str]:
        """Hyperparameter -> name of its schedule over training; constant where unnamed."""

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """State before the first step, from one standard normal draw a weight; tensors shaped as `noise`."""

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """The weights that the network uses, of one layer."""

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """Gradient for `update`, from the loss's gradient at `weights`, of one layer."""

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step, in place on `state`."""


class Task(Protocol):
    """Data, network and budget. A frozen dataclass whose fields are the settings a study file may give.

    A module holds its task as TASK. Workers rebuild it from that name and the settings; a task reads where
    its data lies from the environment, which workers share. One whose training reads files below the folders of
    hpsearch.dataset may have a method `files()` that lists them, so that they are sent to machines without them.
    """

    @property
    def objective(self) -> Objective:
        """What `train` returns as each result's objective."""

    @property
    def methods(self) -> str | None:
        """Package where method names are looked up, or None for a task that needs no method."""

    @property
    def pack(self) -> int:
        """How many trials the task likes to train together at most; 1 if it only loops over them."""

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:
        """Do once what all trials share (unpack, compute features); returns facts for the provenance.

        Raises TaskError where data is missing or wrong.
        """

    def train(
        self,
        method: Method,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,
    ) -> list[Result]:
        """One result a configuration. A result depends on its own configuration and seed only."""


@dataclass(frozen=True)
class SpaceOnly:
    """The method of a task that needs none: a space given in the study file."""

    space: Space
    schedules: ClassVar[Mapping[str, str]] = {}


@dataclass(frozen=True)
class FunctionTask:
    """A task from a function `objective(configuration, seed) -> float`, trained one trial at a time.

    The function may be of any framework; it may also return a Result. It is found again in worker
    processes by the name of the module that holds the task.
    """

    function: Callable[[Configuration, int], float | Result]
    objective: Objective
    methods: ClassVar[None] = None
    pack: ClassVar[int] = 1

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:  # noqa: ARG002
        """Nothing is shared between trials."""
        return {}

    def train(
        self,
        method: Method,  # noqa: ARG002
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,  # noqa: ARG002
    ) -> list[Result]:
        """Call the function once a configuration."""
        results = []
        for configuration, seed in zip(configurations, seeds, strict=True):
            returned = self.function(configuration, seed)
            results.append(returned if isinstance(returned, Result) else finished(float(returned)))
        return results


def finished(objective: float, **metrics: float) -> Result:
    """A result that is complete if its objective is finite and diverged otherwise."""
    if math.isfinite(objective):
        return Result(objective, metrics)
    return Result(None, metrics, outcome="diverged", reason=f"the objective was {objective}")


def derived_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one purpose, independent of that of every other path.

    A text enters as the first 8 bytes of its SHA-256, so that adding or reordering names changes no other
    seed. DESIGN: trial = derived_seed(comparison seed, label, repeat, trial); a stream of random numbers
    in it = derived_seed(trial seed, "weights"), and so on.

    Args:
        seed: any non-negative integer.
        path: names and non-negative indices.

    Returns:
        Integer in [0, 2**63): fits SQLite, NumPy and torch generators.
    """
    words = [
        int.from_bytes(hashlib.sha256(part.encode()).digest()[:8], "big") if isinstance(part, str) else part
        for part in path
    ]
    # The length, because a SeedSequence ignores zeros at its end.
    return int(np.random.SeedSequence([seed, len(words), *words]).generate_state(1, np.uint64)[0] >> 1)
