"""DeiT-tiny (Touvron et al. 2021), a vision transformer, with binary weights in the linear layers of its blocks.

Lu et al. (2024) measure ProxConnect++ on DeiT with binary linear layers. Their text was not at hand, so these are ours:

- Activations stay real. Whether, and in which of their experiments, activations are binary too could not be confirmed.
- The first layer, the class token, positions, layer norms and the head stay real, as first and last layers do in the
  convolutional networks here.
- A layer of weights -1 and +1 makes its outputs sqrt(inputs) times as large as its inputs, and no batch norm follows
  that would undo it. So each output has a real, learned factor, 1 / sqrt(inputs) at the start; after a layer norm that
  makes outputs of size 1. DeiT's bias follows it. (A method whose weights become -1 and +1 only later begins with
  smaller outputs, and the factor learns along.)
- The distilled variant's second token and the dropping of whole blocks are left out. DeiT's own linear layers start
  with deviation 0.02; the real ones here start as in all networks of this package.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from binarynet.stacked import Affine, BinaryDense, Tokens
from imagenet_task.images import Normalise

PATCH, WIDTH, BLOCKS, HEADS, MLP_RATIO, EPSILON = 16, 192, 12, 3, 4, 1e-6


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)): the layer norms come first."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.qkv = _binary(WIDTH, 3 * WIDTH)
        self.projection = _binary(WIDTH, WIDTH)
        self.mlp_norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.mlp = nn.Sequential(_binary(WIDTH, MLP_RATIO * WIDTH), nn.GELU(), _binary(MLP_RATIO * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """(b, tokens, width) -> the same shape."""
        x = x + self.attention(self.attention_norm(x))
        return torch.add(x, self.mlp(self.mlp_norm(x)))

    def attention(self, x: Tensor) -> Tensor:
        """Attention of all tokens to all others, in three heads: (b, tokens, width) -> the same shape."""
        b, tokens, _ = x.shape
        queries, keys, values = self.qkv(x).view(b, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        mixed: Tensor = scaled_dot_product_attention(queries, keys, values)  # (b, heads, tokens, width / heads)
        projected: Tensor = self.projection(mixed.transpose(1, 2).flatten(2))
        return projected


class Network(nn.Module):
    """Real linear map of patches of 16 x 16, class token and positions, 12 blocks, layer norm, real linear layer.

    5,308,416 weights are binary. With 1,000 classes at 224 x 224 DeiT-tiny has 5,717,416 parameters, and 5,738,152 are
    trained here: 20,736 factors come on top. There is no sign activation whose gradient could be chosen.
    """

    resolutions: ClassVar[range] = range(2 * PATCH, 513, PATCH)

    def __init__(self, activation_gradient: str, classes: int, resolution: int) -> None:  # noqa: ARG002
        super().__init__()
        self.patches = nn.Sequential(Normalise(), nn.Conv2d(3, WIDTH, PATCH, stride=PATCH))
        self.tokens = Tokens((resolution // PATCH) ** 2, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.last = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, s, s) -> (b, classes)."""
        tokens = self.tokens(self.patches(x).flatten(2).transpose(1, 2))
        logits: Tensor = self.last(self.norm(self.blocks(tokens)[:, 0]))
        return logits


def _binary(inputs: int, outputs: int) -> nn.Module:
    """A linear layer with binary weights and real factors and biases."""
    return nn.Sequential(BinaryDense(inputs, outputs), Affine(outputs, inputs**-0.5))
