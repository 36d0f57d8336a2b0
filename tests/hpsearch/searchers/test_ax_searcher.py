import numpy as np
import pytest

from hpsearch.searchers.ax import _seen


def test_ax_is_told_objectives_that_it_tells_apart():
    objectives = [0.1, 0.5, 0.4, 0.2]
    assert _seen(objectives) is objectives  # at full precision
    for unit in (1e-300, 1e-12, 1e300):
        told = _seen([unit * value for value in objectives])
        assert np.std(told, ddof=1) == pytest.approx(1)
        assert np.argsort(told).tolist() == np.argsort(objectives).tolist()
    assert _seen([1e-12, 1e-12]) == [1e-12, 1e-12]
    assert _seen([1e-12]) == [1e-12]
