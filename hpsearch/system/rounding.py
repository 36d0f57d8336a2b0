"""Rounding of torch's matrix algebra: whether it depends on a matrix's place in memory, and a mode in which it does not.

MKL, on which torch computes, adds up in another order where a matrix is not aligned, and so in a batch a study's
numbers would depend on how many others lie before it. Its mode of Conditional Numerical Reproducibility leaves
alignment out of account. It is chosen by an environment variable that MKL reads when it is first used.
"""

from __future__ import annotations

import os
from functools import cache

VARIABLE, MODE = "MKL_CBWR", "AUTO"
"""AUTO keeps the processor's fastest instructions; it is also the only fast mode that Intel documents for others."""
SIZES = (5, 9, 13, 19, 27)
"""Sizes of the matrices that `place_matters` looks at. Odd ones: a batch of even ones is aligned more often."""


def ask_for_even_rounding() -> None:
    """Let matrix algebra round the same wherever a matrix lies; in vain if this process has used MKL already.

    It is for a driver, whose proposals need it. Trainings in small packs take a quarter longer with it.
    """
    os.environ.setdefault(VARIABLE, MODE)


def leave_rounding_alone() -> None:
    """Undo in a worker what it has inherited from its driver; a mode that the user has chosen stays."""
    if os.environ.get(VARIABLE) == MODE:
        del os.environ[VARIABLE]


@cache
def place_matters() -> bool:
    """Whether equal matrices give different numbers in this process when they lie at different places in a batch.

    Also in a torch without MKL, or where MKL was used before it was asked for even rounding, this says what is true.
    """
    import torch

    for size in SIZES:
        one = torch.cos(torch.arange(size * size, dtype=torch.float64)).reshape(size, size)
        batch = one.repeat(9, 1, 1)
        squares = batch @ batch.mT + torch.eye(size, dtype=torch.float64)
        roots = torch.linalg.cholesky(squares[:1].repeat(9, 1, 1))
        solved = torch.linalg.solve_triangular(roots[:1].repeat(9, 1, 1), batch, upper=False)
        if any(not torch.equal(found, found[:1].expand_as(found)) for found in (squares, roots, solved)):
            return True
    return False


def rounding() -> str:
    """How matrix algebra rounds in this process, for its provenance: proposals differ where this differs."""
    if place_matters():
        return "by place in memory"
    return f"even, {VARIABLE}={os.environ[VARIABLE]}" if VARIABLE in os.environ else "even"
