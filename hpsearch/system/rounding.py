"""How torch rounds products of matrices: by their place in memory, or in MKL's mode that leaves this out of account.

MKL, by which torch multiplies, adds up in another order where a matrix is not aligned. So in a batch the numbers of one
study would depend on how many others lie before it. The mode is Conditional Numerical Reproducibility, chosen by an
environment variable that MKL reads when it is first used.
"""

from __future__ import annotations

import os
from functools import cache

VARIABLE, MODE = "MKL_CBWR", "AUTO"
"""AUTO keeps the processor's fastest instructions, and is the only such mode documented for every processor."""
SIZES = (5, 9, 13, 19, 27)
"""Sizes of the matrices that `place_matters` looks at: odd ones, since a batch of even ones may be aligned."""


def ask_for_even_rounding(mode: str = MODE) -> None:
    """Let products round the same wherever a matrix lies; it is too late if this process has multiplied already.

    For drivers, whose proposals need it. Workers do without: trainings in packs of one or two are slower in this mode.
    """
    os.environ.setdefault(VARIABLE, mode)


def leave_rounding_alone() -> None:
    """Undo in a worker what it has inherited from its driver; another mode, which the user has chosen, stays."""
    if os.environ.get(VARIABLE) == MODE:
        del os.environ[VARIABLE]


@cache
def place_matters() -> bool:
    """Whether equal matrices give different numbers in this process when they lie at different places in a batch.

    It tries, and so is right about a torch without MKL too, and where the mode was asked for too late.
    """
    import torch

    for size in SIZES:
        one = torch.cos(torch.arange(size * size, dtype=torch.float64, device="cpu")).reshape(size, size)
        batch = one.repeat(9, 1, 1)
        squares = batch @ batch.mT + torch.eye(size, dtype=torch.float64, device="cpu")
        roots = torch.linalg.cholesky(squares[:1].repeat(9, 1, 1))
        solved = torch.linalg.solve_triangular(roots[:1].repeat(9, 1, 1), batch, upper=False)
        if any(not torch.equal(found, found[:1].expand_as(found)) for found in (squares, roots, solved)):
            return True
    return False


def rounding() -> str:
    """How products are rounded in this process; proposals that are computed from them differ where this differs."""
    if place_matters():
        return "by place in memory"
    return f"even, {VARIABLE}={os.environ[VARIABLE]}" if VARIABLE in os.environ else "even"
