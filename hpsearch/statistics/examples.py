"""What other examples would change: means over studies, with an interval that holds the luck of the examples, too.

All studies are measured on the same examples, so that an interval over studies says nothing of other ones. Studies and
examples are crossed: the variance of a mean over both is that over studies, plus that over examples, less that of their
interaction, which both hold (Cameron, Gelbach and Miller 2011). So the interval over studies is widened by what
is due to examples alone. The bootstrap of both together (Owen 2007, the pigeonhole bootstrap) counts the interaction
three times; benchmarks/examples.py compares the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import Interval, bootstrap_mean, widened
from hpsearch.statistics.difference import difference_of_means

Array = NDArray[np.float64]


def mean_with_examples(shares: Array) -> Interval:
    """Mean over studies, with an interval for other studies and other examples.

    Args:
        shares: how often each study's network was right about each example, (studies, examples), at least two of both.

    Returns:
        Shape (); no narrower than `bootstrap_mean` of each study's mean over examples.
    """
    return widened(bootstrap_mean(shares.mean(axis=1)), _of_examples(shares.mean(axis=0), _interaction(shares)))


def difference_with_examples(a: Array, b: Array) -> Interval:
    """Mean of A minus mean of B, with an interval for other studies and other examples.

    Examples that are hard for both methods cancel, since both are measured on the same ones.

    Args:
        a: how often each study's network was right about each example, (studies, examples), at least two of both.
        b: the same of the other method, (other studies, examples): the same examples in the same order.

    Returns:
        Shape (); no narrower than `difference_of_means` of each study's mean over examples.
    """
    over_studies = difference_of_means(a.mean(axis=1), b.mean(axis=1))
    return widened(over_studies, _of_examples(a.mean(axis=0) - b.mean(axis=0), _interaction(a) + _interaction(b)))


def _of_examples(means: Array, interaction: float) -> Array:
    """Variance of a mean over examples that is due to these alone; an estimate below 0 counts as 0.

    Args:
        means: of each example over studies, (examples,).
        interaction: what is not due to examples alone.
    """
    return np.asarray(max(0.0, float(means.var(ddof=1)) / len(means) - interaction))


def _interaction(shares: Array) -> float:
    """Variance of the mean of `shares`, (studies, examples), that is due to neither studies nor examples alone."""
    studies, examples = shares.shape
    rest = shares - shares.mean(axis=0) - shares.mean(axis=1, keepdims=True) + shares.mean()
    return float((rest**2).sum() / ((studies - 1) * (examples - 1) * studies * examples))
