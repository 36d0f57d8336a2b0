"""Bayesian optimisation of a whole pack at once, by BoTorch's own model and acquisition.

The model is SingleTaskGP with its standard priors, fitted by maximum a posteriori. The acquisition is the logarithm of
noisy expected improvement (Letham et al. 2019; Ament et al. 2023): the improvement over the best true value among the
trials, averaged over joint draws of the true values, since noise hides them. The studies of a pack are one batch of
both, in which the fit of each study, and each start of each maximisation, is a problem of its own in BoTorch's batched
L-BFGS-B. So a pack of 20 costs little more than one study.

To the last bit no proposal depends on a study's company. For that, studies go together only where matrices round the
same wherever they lie in memory (see `hpsearch.system.rounding`), and one at a time otherwise; and a batch is filled up
to sizes at which torch adds up the draws of each study and point in the same order.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.searcher import History, Searcher, StandIn
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Configuration, Space, Value
from hpsearch.searchers.alone import alone
from hpsearch.searchers.columns import Array, combinations, decoded, encoded, rounded
from hpsearch.searchers.sobol import sobol_configuration
from hpsearch.system.rounding import place_matters

if TYPE_CHECKING:
    from torch import Tensor

BASELINE = 8
"""How many trials, those of the highest posterior means, may hold the best true value."""
PROMISING = 4
"""How many of these have samples around them, and their combinations of choices tried."""
NEAR = 0.1
"""Standard deviation, in the unit cube, of the samples around the most promising trials."""
FIT_STEPS, CLIMB_STEPS = 50, 10
"""The most iterations of L-BFGS-B. Later ones of a fit move lengthscales of which the outcomes say little, and later
ones of a climb raised the logarithm of the largest acquisition by 0.01 at most, looked at on two spaces."""
STUDIES, POINTS = 4, 8
"""A batch has a multiple of so many studies, and of points for each: together a multiple of 32 columns of draws. torch
adds up columns in blocks, of 32 at most, and what is left of them in another order."""
ROOM = 10_000_000
"""Numbers in the largest matrices that are looked at at once, which bounds the memory."""
LOST = 1e10
"""What a maximisation is told where the acquisition or its slope is not finite, so that it ends there."""
HUGE, ROUNDING = 1e100, 1e-13
MOST = {"samples": 1_000_000, "combinations": 10_000, "draws": 10_000}


@dataclass(frozen=True)
class BoTorch(Searcher):
    """Models a pack's studies in one batch, each independently of the others.

    Attributes:
        initial: trials of the Sobol sequence before the model takes over; 5 is Ax's own default.
        samples: random points of each study, from which the maximisation starts; combinations of choices share them.
        starts: how many of these points L-BFGS-B improves; each combination has one at least.
        combinations: how many combinations of choices are tried at each trial; if there are more, those of the most
            promising trials and random ones.
        draws: joint draws of the true values at the trials and a point.
    """

    initial: int = 5
    samples: int = 256
    starts: int = 8
    combinations: int = 16
    draws: int = 128
    version: ClassVar[int] = 4
    """1 had a model of its own; 2 looked between integers and near few combinations; 3 climbed longer."""
    multiplies: ClassVar[bool] = True
    batched: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("initial", "samples", "starts", "combinations", "draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name, most in MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name} must be at most {most:,}, got {getattr(self, name)}")
        if self.starts > self.samples:
            raise ValueError(f"starts must be at most samples, {self.samples}, got {self.starts}")

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """Propose for studies with equally many trials in one batch; those of a pack have equally many."""
        proposed: dict[int, dict[str, Value]] = {}
        batches: dict[tuple[int, int], list[int]] = {}
        for study, (history, seed) in enumerate(zip(histories, seeds, strict=True)):
            if history.proposed < self.initial or not len(history) or not space.searched:
                proposed[study] = sobol_configuration(space, seed, history.proposed)
            else:
                batches.setdefault((len(history), len(history.pending)), []).append(study)
        for (trials, pending), studies in batches.items():
            at_once = ROOM // (POINTS * self._numbers(trials, pending)) // STUDIES * STUDIES
            together = 1 if place_matters() else max(STUDIES, at_once)
            for first in range(0, len(studies), together):
                batch = studies[first : first + together]
                found = self._proposals(space, [histories[s] for s in batch], [seeds[s] for s in batch], batch)
                proposed.update(zip(batch, found, strict=True))
        return [proposed[study] for study in range(len(histories))]

    def _numbers(self, trials: int, pending: int) -> int:
        """The largest matrix that BoTorch makes for a point of a study: of the trials, or of the draws."""
        return max(trials**2, (BASELINE + pending + 1) * max(trials, self.draws))

    def _proposals(
        self, space: Space, histories: Sequence[History], seeds: Sequence[int], studies: Sequence[int]
    ) -> list[dict[str, Value]]:
        """Propose for a batch, or for each of its studies alone if that fails, so that one spoils no other."""
        try:
            with _alone():
                return self._best(space, histories, seeds)
        except Exception as error:  # BoTorch, GPyTorch and torch have no common ancestor for theirs
            if len(studies) > 1:
                alone = zip(histories, seeds, studies, strict=True)
                return [self._proposals(space, [h], [seed], [study])[0] for h, seed, study in alone]
            said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            why = f"BoTorch had no proposal ({said}), so a Sobol point stands in"
            warnings.warn(StandIn(studies[0], why), stacklevel=2)
            return [sobol_configuration(space, seeds[0], histories[0].proposed)]

    def _best(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """The configuration of the largest acquisition that was found for each study, of those that are not pending."""
        if missing := -len(histories) % STUDIES:
            filled = self._best(space, [*histories, *[histories[0]] * missing], [*seeds, *[seeds[0]] * missing])
            return filled[: len(histories)]
        trials = _tensor([[encoded(space, c) for c in history.configurations] for history in histories])
        outcomes = _tensor([standardised(history.objectives)[:, None] for history in histories])
        pending = _tensor([[encoded(space, c) for c in history.pending] for history in histories])
        model = _fitted(trials, outcomes)
        order = model.posterior(trials).mean.argsort(dim=1, descending=True, stable=True)  # (studies, n, 1)
        # Never all of them: GPyTorch goes another way where in all studies of a batch they are the model's own trials.
        ranked = trials.take_along_dim(order, dim=1)[:, : min(BASELINE, max(1, trials.shape[1] - 1))]
        acquisition = _acquisition(model, ranked, pending, self.draws)
        promising = [
            [history.configurations[place] for place in places]
            for history, places in zip(histories, order[:, :PROMISING, 0].tolist(), strict=True)
        ]

        randoms = [
            np.random.default_rng(derived_seed(s, "botorch", h.proposed)) for s, h in zip(seeds, histories, strict=True)
        ]
        drawn = [self._drawn(space, near, random) for near, random in zip(promising, randoms, strict=True)]
        free = np.stack([free for _, free in drawn], axis=1)  # (combinations, studies, columns)
        samples = np.stack([points for points, _ in drawn], axis=2)  # (combinations, each, studies, columns)
        samples = rounded(space, samples, free[:, None])
        step = ROOM // (len(histories) * self._numbers(trials.shape[1], pending.shape[1]))
        values = _values(acquisition, samples, step)
        starts = _starts(samples, values, max(1, self.starts // len(samples)), randoms)
        ends = rounded(space, _climbed(acquisition, starts, free, step), free[:, None])

        columns = samples.shape[-1]
        points = np.concatenate([a.reshape(-1, len(histories), columns) for a in (ends, samples)])
        heights = np.concatenate([a.reshape(-1, len(histories)) for a in (_values(acquisition, ends, step), values)])
        return [
            _first_new(space, points[(-heights[:, study]).argsort(kind="stable"), study], history)
            for study, history in enumerate(histories)
        ]

    def _drawn(
        self, space: Space, promising: Sequence[Configuration], random: np.random.Generator
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Random points of one study with each combination of choices, a quarter of them near its promising trials.

        Returns:
            points: (combinations, each, columns).
            free: which of their columns a combination leaves open, (combinations, columns).
        """
        found = combinations(space, self.combinations, random, promising)
        fixed, free = (np.array([getattr(c, part) for c in found]) for part in ("point", "free"))
        each = max(self.samples // len(found), self.starts // len(found), 1)
        close = -(-each // 4)
        near = np.array([encoded(space, configuration) for configuration in promising])
        near = near[np.arange(close) % len(near)]
        points = random.random((len(found), each, near.shape[1]))
        points[:, :close] = (near + NEAR * random.standard_normal((len(found), *near.shape))).clip(0, 1)
        return np.where(free[:, None], points, fixed[:, None]), free


def _fitted(trials: Tensor, outcomes: Tensor) -> Any:
    """The models of several studies, each with the hyperparameters of the largest posterior density that was found.

    Args:
        trials: (studies, n, columns).
        outcomes: (studies, n, 1), standardised.
    """
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = SingleTaskGP(trials, outcomes, outcome_transform=None)
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
    with torch.enable_grad():
        # A further attempt would begin with random numbers that all studies share.
        fit_gpytorch_mll(likelihood, max_attempts=1, optimizer_kwargs={"options": {"maxiter": FIT_STEPS}})
    return model.requires_grad_(False)


def _acquisition(model: Any, baseline: Tensor, pending: Tensor, draws: int) -> Any:
    """The log of the noisy expected improvement, a function of points (p, studies, 1, columns) to (p, studies).

    The draws of all studies come from the same normal numbers, as BoTorch has it; each trial has others.

    Args:
        model: the models of the studies.
        baseline: trials that may hold the best true value, (studies, few, columns). BoTorch itself leaves out those
            that hardly can, but not in batches.
        pending: trials without a result, whose true values are to be exceeded too, (studies, m, columns).
        draws: joint draws of the true values at these trials and a point.
    """
    import torch
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.sampling.normal import SobolQMCNormalSampler

    known = model.train_inputs[0].shape[1] + pending.shape[1]
    return qLogNoisyExpectedImprovement(
        model,
        baseline,
        sampler=SobolQMCNormalSampler(torch.Size([draws]), seed=known),
        X_pending=pending if pending.numel() else None,
        prune_baseline=False,
    )


def _values(acquisition: Any, points: Array, step: int) -> Array:
    """The acquisition at points (..., studies, columns), `step` of them at a time; (..., studies)."""
    flat = points.reshape(-1, *points.shape[-2:])
    filled = np.concatenate([flat, np.zeros((-len(flat) % POINTS, *flat.shape[1:]))])
    step = max(1, step // POINTS) * POINTS
    found = [acquisition(_tensor(filled[at : at + step])[:, :, None]).numpy() for at in range(0, len(filled), step)]
    return np.concatenate(found)[: len(flat)].reshape(points.shape[:-1])


def _starts(samples: Array, values: Array, count: int, randoms: Sequence[np.random.Generator]) -> Array:
    """The best of each study's samples with a combination, and others in proportion to what they promise.

    Args:
        samples: (combinations, each, studies, columns).
        values: their acquisition, (combinations, each, studies).
        count: how many.
        randoms: the studies' own generators.

    Returns:
        (combinations, count, studies, columns).
    """
    from botorch.optim.initializers import initialize_q_batch
    from botorch.utils.sampling import manual_seed

    starts = np.empty((len(samples), count, *samples.shape[2:]))
    for study, random in enumerate(randoms):
        with manual_seed(int(random.integers(2**63))):
            for combination in range(len(samples)):
                of_study = _tensor(samples[combination, :, study, None]), _tensor(values[combination, :, study])
                starts[combination, :, study] = initialize_q_batch(*of_study, count)[0][:, 0].numpy()
    return starts


def _climbed(acquisition: Any, starts: Array, free: NDArray[np.bool_], step: int) -> Array:
    """Maximise from every start over its free columns; what one comes to depends on no other.

    Args:
        acquisition: a function of points (p, studies, 1, columns) to (p, studies).
        starts: (combinations, count, studies, columns).
        free: (combinations, studies, columns).
        step: how many starts of each study are looked at at once.

    Returns:
        Ends, as `starts`.
    """
    if (most := max(1, step // starts.shape[1])) < len(starts):
        parts = range(0, len(starts), most)
        return np.concatenate([_climbed(acquisition, starts[p : p + most], free[p : p + most], step) for p in parts])
    import torch
    from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched

    studies, columns = starts.shape[2:]
    at = starts.reshape(-1, columns)
    movable = np.broadcast_to(free[:, None], starts.shape).reshape(-1, columns)

    def negative(moved: Array, batch_indices: Sequence[int]) -> tuple[Array, Array]:
        rows = np.array(batch_indices)
        study = rows % studies
        # The n-th row of a study goes to the n-th place of its column in a grid, whose other places are not used.
        order = study.argsort(kind="stable")
        place = np.empty_like(rows)
        place[order] = np.arange(len(rows)) - np.searchsorted(study[order], study[order])
        grid = np.zeros((-(-(place.max() + 1) // POINTS) * POINTS, studies, columns))
        grid[place, study] = np.where(movable[rows], moved, at[rows])
        points = _tensor(grid).requires_grad_()
        with torch.enable_grad():
            heights = acquisition(points[:, :, None])
            (slopes,) = torch.autograd.grad(heights.sum(), points)
        value, slope = -heights.detach().numpy()[place, study], -slopes.numpy()[place, study] * movable[rows]
        # Where a row cannot be told apart from a trial its slope may be infinite, and there it ends.
        lost = ~(np.isfinite(value) & np.isfinite(slope).all(axis=1))
        value[lost], slope[lost] = LOST, 0.0
        return value, slope

    minimise: Any = fmin_l_bfgs_b_batched
    ends, *_ = minimise(negative, at, bounds=[(0.0, 1.0)] * columns, maxiter=CLIMB_STEPS, pass_batch_indices=True)
    return np.where(movable, ends, at).reshape(starts.shape)


def _first_new(space: Space, points: Array, history: History) -> dict[str, Value]:
    """The configuration at the first of some points, (p, columns), at which it is not pending; of all if all are."""
    found = (decoded(space, point) for point in points)
    return next((c for c in found if c not in history.pending), decoded(space, points[0]))


def _tensor(numbers: Any) -> Tensor:
    """A copy of numbers in memory of torch's own, whose place does not vary."""
    import torch

    return torch.tensor(np.asarray(numbers, np.float64))


@contextmanager
def _alone() -> Iterator[None]:
    """BoTorch as a pure function, with exact algebra for any number of trials and without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from gpytorch.settings import max_cholesky_size

        with alone(), torch.no_grad(), max_cholesky_size(2**31):
            yield


def standardised(objectives: Sequence[float]) -> Array:
    """Values shifted and scaled to mean 0 and deviation 1; all 0 if there is one value, or all are equal.

    Values count as equal where they differ by no more than rounding.
    """
    y = np.array(objectives, np.float64)
    if (largest := float(np.abs(y).max())) > HUGE or 0 < largest < 1 / HUGE:  # whose squares overflow or vanish
        y = y / largest
    if np.ptp(y) <= ROUNDING * np.abs(y).max():
        return np.zeros_like(y)
    return np.asarray((y - y.mean()) / y.std(ddof=1))


SEARCHER = BoTorch()
