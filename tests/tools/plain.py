"""Pieces of networks as one would write them for one network, with autograd alone."""

import torch


def straight(x):
    """Bi-Real's sign in autograd's own words: sign forward, the piecewise quadratic's slope backward."""
    quadratic = torch.where(x < 0, 2 * x + x * x, 2 * x - x * x)
    smooth = torch.where(x.abs() < 1, quadratic, x.detach().sign())
    return smooth + (x.sign() - smooth).detach()
