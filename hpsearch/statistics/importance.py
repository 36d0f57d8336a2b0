"""How much of the variance between trials does each hyperparameter explain on its own?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
KNOTS = 5
# The penalty weighs as much as one trial of middle rank at every knot: it decides only where no searcher has been.
RIDGE = 1.0
# The variance of the ranks is 1/12 where there are no ties; this is a rounding of it.
SMALLEST = 1e-15


@dataclass(frozen=True)
class Importance:
    """Each hyperparameter's share of the variance of the ranks, (d,); the shares and `unexplained` add up to 1."""

    names: tuple[str, ...]
    share: Array
    low: Array
    high: Array
    unexplained: float


def importance(
    positions: Array,
    objectives: Array,
    names: Sequence[str],
    *,
    unordered: Collection[str] = (),
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Importance:
    """Main effects of an additive model of the ranked objective, in the spirit of functional ANOVA.

    Objectives are ranked over all trials, so diverged trials and the objective's scale do not decide. The model is
    a constant plus a function of each hyperparameter: piecewise linear with 5 knots, or one level per value if the
    values have no order or there are at most 5. The importance of a hyperparameter is the variance of its function when
    the hyperparameter is uniform on its range (Hooker 2007; Hutter, Hoos and Leyton-Brown 2014), minus the variance
    that noise alone would give it, and at least 0. The distribution is uniform and not the sampled one, because the
    trials of a Bayesian searcher crowd at good values. The rest is the residual variance, with interactions. A share
    is relative to the sum of all of these, which for uniform independent trials is the variance of the ranks.

    Args:
        positions: places in the unit cube, shape (studies, trials, d).
        objectives: shape (studies, trials); whether larger or smaller is better makes no difference.
        names: names of the d hyperparameters.
        unordered: names of those whose positions only tell their values apart.
        level: nominal coverage.
        resamples: number of bootstrap samples of whole studies; they keep the ranks among all trials.
        seed: seed of the draws.

    Returns:
        Shares, with bounds at Student's t times the standard deviation of the draws, clipped to 0 to 1. (Percentiles
        would be wrong: a draw repeats studies, so it has their noise twice.) With one study the bounds are 0 and 1. If
        all objectives are equal, nothing is explained.
    """
    studies, trials, d = positions.shape
    if len(names) != d:
        raise ValueError(f"{d} hyperparameters need as many names, got {len(names)}")
    if not np.isfinite(positions).all():
        raise ValueError("every trial needs a position of every hyperparameter")
    if np.ptp(objectives) == 0 or not d:
        zero = np.zeros(d)
        return Importance(tuple(names), zero, zero, np.full(d, float(studies == 1)), 1.0)
    y = _ranks(objectives)
    bases = [_basis(positions[..., axis].ravel(), name in unordered) for axis, name in enumerate(names)]
    features = np.concatenate([np.ones((studies * trials, 1)), *(values for values, _ in bases)], axis=1)
    model = _Model(features.reshape(studies, trials, -1), y, [uniform for _, uniform in bases])
    share, unexplained = model.shares(np.ones((1, studies)))
    if studies == 1:
        return Importance(tuple(names), share[0], np.zeros(d), np.ones(d), float(unexplained[0]))
    drawn = np.random.default_rng(seed).multinomial(studies, np.full(studies, 1 / studies), resamples)
    draws, _ = model.shares(drawn.astype(float))
    from scipy.special import stdtrit

    # Draws have the spread of a standard deviation with divisor n, and n - 1 is the right one.
    error = draws.std(axis=0) * np.sqrt(studies / (studies - 1))
    reach = float(stdtrit(studies - 1, (1 + level) / 2)) * error
    low, high = np.clip(share[0] - reach, 0, 1), np.clip(share[0] + reach, 0, 1)
    return Importance(tuple(names), share[0], low, high, float(unexplained[0]))


class _Model:
    """The additive model, kept as sums over each study's trials, so that a draw of studies only reweighs the sums."""

    def __init__(self, features: Array, y: Array, uniform: Sequence[Array]) -> None:
        """Features (studies, trials, p), ranks (studies, trials), and each block's covariance under uniformity."""
        self.trials = y.shape[1]
        self.gram = features.swapaxes(1, 2) @ features
        self.cross = np.einsum("stp,st->sp", features, y)
        self.square = (y**2).sum(axis=1)
        self.uniform = uniform
        self.penalty = RIDGE * np.eye(features.shape[2])
        self.penalty[0, 0] = 0.0  # the constant is free

    def shares(self, counts: Array) -> tuple[Array, Array]:
        """Shares (draws, d) and unexplained share (draws,), given how often each study was drawn (draws, studies)."""
        gram = np.tensordot(counts, self.gram, axes=1)
        cross, square = counts @ self.cross, counts @ self.square
        inverse = np.linalg.inv(gram + self.penalty)
        weights = np.einsum("rpq,rq->rp", inverse, cross)
        hat = inverse @ gram
        residual = square - 2 * (weights * cross).sum(axis=1) + np.einsum("rp,rpq,rq->r", weights, gram, weights)
        total = counts.sum(axis=1) * self.trials
        free = np.maximum(total - np.trace(hat, axis1=1, axis2=2), 1.0)
        noise = np.maximum(residual, 0.0) / free
        covariance = noise[:, None, None] * (hat @ inverse)
        explained = np.empty((len(counts), len(self.uniform)))
        start = 1
        for axis, uniform in enumerate(self.uniform):
            block = slice(start, start + len(uniform))
            raw = np.einsum("rp,pq,rq->r", weights[:, block], uniform, weights[:, block])
            by_noise = np.einsum("rpq,pq->r", covariance[:, block, block], uniform)
            explained[:, axis] = np.maximum(raw - by_noise, 0.0)
            start = block.stop
        # A draw of studies whose objectives are all equal has no variance to explain.
        noise = np.maximum(noise, SMALLEST)
        sum_of_all = explained.sum(axis=1) + noise
        return explained / sum_of_all[:, None], noise / sum_of_all


def _ranks(objectives: Array) -> Array:
    """Average ranks over all trials, spread over 0 to 1 and centred; same shape."""
    from scipy.stats import rankdata

    return np.asarray(((rankdata(objectives) - 0.5) / objectives.size - 0.5).reshape(objectives.shape))


def _basis(position: Array, unordered: bool) -> tuple[Array, Array]:
    """Basis functions at the positions, and their covariance under the uniform distribution.

    Args:
        position: shape (all trials,).
        unordered: whether there is nothing between two positions.

    Returns:
        Values (all trials, functions) and covariance (functions, functions).
    """
    values = np.unique(position)
    if unordered or len(values) <= KNOTS:
        levels = (position[:, None] == values).astype(float)
        share = np.full(len(values), 1 / len(values))
        return levels - share, np.diag(share) - np.outer(share, share)
    knots = np.linspace(0, 1, KNOTS)
    width = knots[1]
    hats = np.clip(1 - np.abs(position[:, None] - knots) / width, 0, None)
    mean = np.full(KNOTS, width)
    mean[[0, -1]] /= 2
    # The integral of a hat squared is 2/3 of a width (1/3 at an end), and that of two neighbours' product is 1/6.
    product = width * (np.diag(np.full(KNOTS, 2 / 3)) + (np.eye(KNOTS, k=1) + np.eye(KNOTS, k=-1)) / 6)
    product[[0, -1], [0, -1]] /= 2
    return hats - mean, product - np.outer(mean, mean)
