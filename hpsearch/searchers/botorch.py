"""Bayesian optimisation of a whole pack at once: Gaussian processes fitted together, a closed-form acquisition.

The model is BoTorch's SingleTaskGP with its standard priors, fitted by maximum a posteriori. The acquisition is the
logarithm of noisy expected improvement (Letham et al. 2019; Ament et al. 2023): the improvement over the best true
value among the trials, averaged over joint draws of the true values, since noise hides them. Both are written out in
NumPy with their gradients, and each start of each study is a problem of its own in BoTorch's batched L-BFGS-B. So a
pack of 20 costs little more than one study, and to the last bit no study's numbers depend on its company. torch's
batched algebra would not do: its rounding depends on a matrix's place in memory, and so on its neighbours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtri

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Choice, Configuration, Searched, Space, Value
from hpsearch.searchers.sobol import sobol_configuration

Array = NDArray[np.float64]
JITTER = 1e-6
"""Variance added to the covariance of true values that are taken as known, so that it can be inverted."""
NEAR = 0.1
"""Standard deviation, in the unit cube, of the samples around the most promising trials."""
HUGE = 1e100
MOST = {"samples": 1_000_000, "combinations": 10_000, "draws": 10_000}


@dataclass(frozen=True)
class BoTorch(Searcher):
    """Models a pack's studies in one batch, each independently of the others.

    Attributes:
        initial: trials of the Sobol sequence before the model takes over; 5 is Ax's own default.
        samples: random points for each study and combination of choices, from which the maximisation starts.
        starts: how many of these points L-BFGS-B improves.
        combinations: how many combinations of choices are tried; if there are more, this many are drawn at each trial.
        draws: joint draws of the true values at the trials.
    """

    initial: int = 5
    samples: int = 256
    starts: int = 4
    combinations: int = 16
    draws: int = 32

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
        batches: dict[int, list[int]] = {}
        for study, (history, seed) in enumerate(zip(histories, seeds, strict=True)):
            if len(history) < self.initial or not space.searched:
                proposed[study] = sobol_configuration(space, seed, len(history))
            else:
                batches.setdefault(len(history), []).append(study)
        for studies in batches.values():
            points = self._best_points(space, [histories[s] for s in studies], [seeds[s] for s in studies])
            for study, point in zip(studies, points, strict=True):
                proposed[study] = _configuration(space, point)
        return [proposed[study] for study in range(len(histories))]

    def _best_points(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> Array:
        """The maximiser of each study's acquisition, (studies, columns)."""
        x = np.array([[_point(space, c) for c in history.configurations] for history in histories])
        y = np.array([standardised(history.objectives) for history in histories])
        seeds = [derived_seed(seed, "botorch", len(history)) for seed, history in zip(seeds, histories, strict=True)]
        normal = np.array([_normal(seed, self.draws, x.shape[1]) for seed in seeds])
        model = _Model.conditioned(x, y, *_fitted(x, y), normal)
        continuous = _continuous(space)
        starts = np.array([self._starts(space, continuous, model, study, seed) for study, seed in enumerate(seeds)])
        studies, count, columns = starts.shape
        owners = np.repeat(np.arange(studies), count)
        ends, values = _maximised(model, starts.reshape(-1, columns), owners, continuous)
        best = values.reshape(studies, count).argmax(axis=1)
        points: Array = ends.reshape(studies, count, columns)[np.arange(studies), best]
        return points

    def _starts(self, space: Space, continuous: NDArray[np.intp], model: _Model, study: int, seed: int) -> Array:
        """Good starting points of one study, (combinations * starts, columns), drawn by its own generator."""
        random, chosen = np.random.default_rng(seed), []
        for discrete in _combinations(space, self.combinations, random):
            points = np.tile(discrete, (self.samples, 1))
            points[:, continuous] = random.random((self.samples, len(continuous)))
            promising = model.x[study][np.argsort(-model.means[study], kind="stable")[:4]][:, continuous]
            near = np.repeat(promising, -(-self.samples // (4 * len(promising))), axis=0)[: self.samples // 4]
            points[: len(near), continuous] = (near + NEAR * random.standard_normal(near.shape)).clip(0, 1)
            values = model.log_improvement(points[None], np.array([study]))[0]
            # The best point, and others in proportion to what they promise, so that not all lie on one hill.
            weights = np.exp((values - values.max()) / max(values.std(), 1e-9))
            weights[first := int(values.argmax())] = 0
            picked = [first]
            if self.starts > 1:
                picked += list(random.choice(len(points), self.starts - 1, replace=False, p=weights / weights.sum()))
            chosen.append(points[picked])
        return np.concatenate(chosen)


@dataclass(frozen=True)
class _Model:
    """Gaussian processes of several studies, conditioned on their n trials each.

    Attributes:
        x: trials, (studies, n, columns).
        scales: the kernel's lengthscales, (studies, columns).
        constant: prior mean, (studies,).
        inverse: inverse covariance of the true values at the trials, (studies, n, n).
        weights: inverse @ (true values - constant) for each of m draws of the true values, (studies, n, m).
        means: posterior means at the trials, (studies, n).
        best: the largest true value of each draw, (studies, m).
    """

    x: Array
    scales: Array
    constant: Array
    inverse: Array
    weights: Array
    means: Array
    best: Array

    @classmethod
    def conditioned(cls, x: Array, y: Array, scales: Array, constant: Array, noise: Array, normal: Array) -> _Model:
        """The posterior, and m draws from it of the true values at the trials.

        Args:
            x: trials, (studies, n, columns).
            y: outcomes, (studies, n).
            scales: fitted lengthscales, (studies, columns).
            constant: fitted prior means, (studies,).
            noise: fitted noise variances, (studies,).
            normal: standard normal numbers, (studies, n, m).
        """
        scaled = x / scales[:, None]
        covariance = np.exp(-0.5 * np.square(scaled[:, :, None] - scaled[:, None]).sum(axis=3))
        # Let the covariance be K = U D U', the outcomes constant + U r, and the noise variance s. Given the outcomes,
        # the true values are normal with mean constant + U (D r / (D + s)) and covariance U (s D / (D + s)) U'.
        values, vectors = np.linalg.eigh(covariance)
        values = values.clip(0.0)[:, :, None]
        variance = noise[:, None, None]
        mean = values / (values + variance) * (vectors.transpose(0, 2, 1) @ (y - constant[:, None])[:, :, None])
        draws = mean + np.sqrt(variance * values / (values + variance)) * normal
        inverse = (vectors / (values + JITTER).transpose(0, 2, 1)) @ vectors.transpose(0, 2, 1)
        return cls(
            x,
            scales,
            constant,
            inverse,
            weights=vectors @ (draws / (values + JITTER)),
            means=constant[:, None] + (vectors @ mean)[:, :, 0],
            best=constant[:, None] + (vectors @ draws).max(axis=1),
        )

    def log_improvement(self, points: Array, studies: NDArray[np.intp]) -> Array:
        """Log of the expected improvement over the best true value at the trials.

        Args:
            points: (s, p, columns).
            studies: index of the study whose model each row of p points uses, (s,).

        Returns:
            (s, p).
        """
        *_, deviation, z = self._at(points, studies)
        return np.asarray(np.log(deviation) + _log_mean(_log_h(z)[0])[0])

    def log_improvement_and_slope(self, points: Array, studies: NDArray[np.intp]) -> tuple[Array, Array]:
        """The acquisition and its gradient, (s, p) and (s, p, columns)."""
        scales, difference, kernel, solved, deviation, z = self._at(points, studies)
        log_h, ratio = _log_h(z)
        value, share = _log_mean(log_h)
        share *= ratio / deviation[..., None]  # the derivative by each draw's mean, (s, p, m)
        by_deviation = (1 - (share * z).sum(axis=2) * deviation) / deviation
        # The derivative by the kernel, through every draw's mean and through the deviation, (s, p, n).
        by_kernel = share @ self.weights[studies].transpose(0, 2, 1) - (by_deviation / deviation)[..., None] * solved
        slope = -(by_kernel * kernel)[..., None] * difference / scales
        return np.log(deviation) + value, slope.sum(axis=2)

    def _at(self, points: Array, studies: NDArray[np.intp]) -> tuple[Array, ...]:
        """Parts of the posterior given each draw; z, (s, p, m), is its mean's lead over the best, in deviations."""
        scales = self.scales[studies][:, None, None]
        difference = (points[:, :, None] - self.x[studies][:, None]) / scales  # (s, p, n, columns)
        kernel = np.exp(-0.5 * np.square(difference).sum(axis=3))  # (s, p, n)
        solved = kernel @ self.inverse[studies]
        lead = kernel @ self.weights[studies] + (self.constant[:, None] - self.best)[studies][:, None]
        deviation = np.sqrt((1 - (kernel * solved).sum(axis=2)).clip(JITTER))
        return scales, difference, kernel, solved, deviation, lead / deviation[..., None]


def _log_mean(logarithms: Array) -> tuple[Array, Array]:
    """Log of the mean, over the last axis, of the numbers with these logarithms, and each number's share of it."""
    highest = logarithms.max(axis=-1, keepdims=True)
    shares = np.exp(logarithms - highest)
    total = shares.sum(axis=-1, keepdims=True)
    return (highest + np.log(total / logarithms.shape[-1]))[..., 0], shares / total


def _normal(seed: int, draws: int, n: int) -> Array:
    """Quasi-random standard normal numbers, (n, draws)."""
    from scipy.stats import qmc  # takes most of a second, and a worker only looks up who searches

    sequence = qmc.Sobol(n, scramble=True, rng=np.random.default_rng(derived_seed(seed, "draws")))
    return np.asarray(ndtri(sequence.random(draws).clip(1e-12, 1 - 1e-12)).T)


FAR = -1e5


def _log_h(z: Array) -> tuple[Array, Array]:
    """Log h and h'/h for h(z) = phi(z) + z Phi(z), without cancellation far below 0 (Ament et al. 2023, eq. 9)."""
    high, low = np.maximum(z, -1.0), np.clip(z, FAR, -1.0)
    body = np.exp(-0.5 * high**2) / math.sqrt(2 * math.pi) + high * np.exp(log_ndtr(high))
    # Below -1 both Phi and h are divided by phi. Below FAR this quotient of h is 1 / z^2, and h'/h is -z.
    phi_ratio = math.sqrt(math.pi / 2) * erfcx(-low / math.sqrt(2))
    tail, beyond = 1 + low * phi_ratio, np.maximum(z / FAR, 1.0)
    log_tail = np.log(tail) - 2 * np.log(beyond) - 0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    far_down = z < -1
    return np.where(far_down, log_tail, np.log(body)), np.where(
        far_down, phi_ratio / tail * beyond, np.exp(log_ndtr(high)) / body
    )


def _maximised(
    model: _Model, starts: Array, studies: NDArray[np.intp], continuous: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Maximise over the continuous columns by L-BFGS-B, each start a problem of its own; ends and their values."""
    ends = starts.copy()
    if len(continuous):

        def negative(moved: Array, batch_indices: Sequence[int]) -> tuple[Array, Array]:
            points = starts[batch_indices]
            points[:, continuous] = moved
            value, slope = model.log_improvement_and_slope(points[:, None], studies[batch_indices])
            return -value[:, 0], -slope[:, 0, continuous]

        moved, _ = _batched_l_bfgs_b(negative, starts[:, continuous], [(0.0, 1.0)] * len(continuous))
        ends[:, continuous] = moved.clip(0, 1)
    return ends, model.log_improvement(ends[:, None], studies)[:, 0]


# BoTorch's log-normal priors of the lengthscales in d columns (Hvarfner et al. 2024) and of the noise variance: means
# and standard deviations of the logarithm, and BoTorch's lower bounds.
SCALE_PRIOR = (lambda d: math.sqrt(2) + math.log(d) / 2), math.sqrt(3)
NOISE_PRIOR = -4.0, 1.0
LEAST_SCALE, LEAST_NOISE = 0.025, 1e-4


def _fitted(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Hyperparameters of the largest posterior density near the prior's mode, where BoTorch starts too.

    A second start from short lengthscales gave fits of higher density but, if anything, worse optima.

    Args:
        x: trials, (studies, n, columns).
        y: outcomes, (studies, n).

    Returns:
        Lengthscales (studies, columns), prior means (studies,), noise variances (studies,).
    """
    studies, n, columns = x.shape
    differences = np.square(x[:, :, None] - x[:, None]).reshape(studies, n * n, columns)
    start = np.zeros((studies, columns + 2))
    start[:, :columns] = max(SCALE_PRIOR[0](columns) - SCALE_PRIOR[1] ** 2, math.log(2 * LEAST_SCALE))
    start[:, columns] = NOISE_PRIOR[0]

    def negative(theta: Array, batch_indices: Sequence[int]) -> tuple[Array, Array]:
        value, slope = _log_posterior(theta, differences[batch_indices], y[batch_indices])
        return -value / n, -slope / n

    bounds = [(math.log(LEAST_SCALE), math.log(1e4))] * columns + [(math.log(LEAST_NOISE), math.log(1e2)), (-9.0, 9.0)]
    theta, _ = _batched_l_bfgs_b(negative, start, bounds)
    return np.exp(theta[:, :columns]), theta[:, columns + 1], np.exp(theta[:, columns])


def _log_posterior(theta: Array, differences: Array, y: Array) -> tuple[Array, Array]:
    """Log of the likelihood times the priors, up to a constant, and its gradient.

    Args:
        theta: logarithms of lengthscales and noise variance, and the prior mean, (p, columns + 2).
        differences: squared differences of all pairs of trials, (p, n * n, columns).
        y: outcomes, (p, n).
    """
    problems, n = y.shape
    columns = theta.shape[1] - 2
    scales, noise = theta[:, :columns], np.exp(theta[:, columns])
    weights = np.exp(-2 * scales)
    kernel = np.exp(-0.5 * (differences @ weights[:, :, None])).reshape(problems, n, n)
    covariance = kernel + noise[:, None, None] * np.eye(n)
    residual = y - theta[:, columns + 1 :]
    inverse = np.linalg.inv(covariance)
    solved = (inverse @ residual[:, :, None])[:, :, 0]
    diagonal = np.diagonal(np.linalg.cholesky(covariance), axis1=1, axis2=2)
    value = -0.5 * (residual * solved).sum(axis=1) - np.log(diagonal).sum(axis=1)
    outer = 0.5 * (solved[:, :, None] * solved[:, None] - inverse)
    slope = np.empty_like(theta)
    slope[:, :columns] = weights * ((outer * kernel).reshape(problems, 1, n * n) @ differences)[:, 0]
    slope[:, columns] = noise * np.trace(outer, axis1=1, axis2=2)
    slope[:, columns + 1] = solved.sum(axis=1)
    for at, (mean, deviation) in (
        (slice(columns), (SCALE_PRIOR[0](columns), SCALE_PRIOR[1])),
        (slice(columns, columns + 1), NOISE_PRIOR),
    ):
        distance = (theta[:, at] - mean) / deviation
        value -= (theta[:, at] + 0.5 * distance**2).sum(axis=1)
        slope[:, at] -= 1 + distance / deviation
    return value, slope


def _batched_l_bfgs_b(
    function: Callable[[Array, Sequence[int]], tuple[Array, Array]], starts: Array, bounds: list[tuple[float, float]]
) -> tuple[Array, Array]:
    """Minimise from every start, (p, columns), each a problem of its own; ends and values there."""
    from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched

    minimise: Any = fmin_l_bfgs_b_batched
    ends, values, _ = minimise(function, starts, bounds=bounds, maxiter=200, pass_batch_indices=True)
    return np.asarray(ends, np.float64), np.asarray(values, np.float64)


def standardised(objectives: Sequence[float]) -> Array:
    """Values shifted and scaled to mean 0 and deviation 1; all 0 if there is one value, or all are equal."""
    y = np.array(objectives, np.float64)
    if (largest := float(np.abs(y).max())) > HUGE or 0 < largest < 1 / HUGE:  # whose squares overflow or vanish
        y = y / largest
    spread = float(y.std(ddof=1)) if len(y) > 1 else 0.0
    return np.asarray((y - y.mean()) / (spread or 1.0))


# A configuration as the model sees it: one column in [0, 1] per number or ordered choice, and one column per value
# of other choices with more than two values.


def _point(space: Space, configuration: Configuration) -> list[float]:
    return [column for p in space.searched for column in _columns(p, configuration[p.name])]


def _columns(parameter: Searched, value: Value) -> list[float]:
    if not isinstance(parameter, Choice):
        return [parameter.encode(value)]
    index, width = parameter.values.index(value), _width(parameter)
    if width == 1:
        return [index / (len(parameter.values) - 1)]
    return [float(i == index) for i in range(width)]


def _width(parameter: Searched) -> int:
    if not isinstance(parameter, Choice) or parameter.ordered or len(parameter.values) == 2:
        return 1
    return len(parameter.values)


def _continuous(space: Space) -> NDArray[np.intp]:
    """Indices of the columns of numbers."""
    return np.flatnonzero([not isinstance(p, Choice) for p in space.searched for _ in range(_width(p))])


def _combinations(space: Space, limit: int, random: np.random.Generator) -> list[list[float]]:
    """Points with each combination of choices, or with `limit` random ones if there are more; numbers are at 0.5."""
    values = [p.values if isinstance(p, Choice) else (p.decode(0.5),) for p in space.searched]
    count = math.prod(map(len, values))
    if count <= limit:
        chosen = list(itertools.product(*values))
    else:
        chosen = [tuple(v[random.integers(len(v))] for v in values) for _ in range(limit)]
    return [
        [column for p, value in zip(space.searched, row, strict=True) for column in _columns(p, value)]
        for row in chosen
    ]


def _configuration(space: Space, point: Array) -> dict[str, Value]:
    """The configuration at a point, the inverse of `_point`."""
    values, at = space.decode([0.5] * len(space.searched)), 0
    for parameter in space.searched:
        width = _width(parameter)
        columns, at = point[at : at + width], at + width
        if not isinstance(parameter, Choice):
            values[parameter.name] = parameter.decode(float(columns[0]))
        elif width > 1:
            values[parameter.name] = parameter.values[int(columns.argmax())]
        else:
            values[parameter.name] = parameter.values[round(float(columns[0]) * (len(parameter.values) - 1))]
    return values


SEARCHER = BoTorch()
