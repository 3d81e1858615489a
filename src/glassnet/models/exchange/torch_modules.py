"""Modules that PyTorch lacks. Importing this module imports PyTorch; its classes can be pickled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn


class HardSigmoid(nn.Module):
    """a = min(max(z / 6 + 1/2, 0), 1); `torch.nn.Hardsigmoid` uses a float32 slope for every dtype."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return a, with the shape of z."""
        return torch.clamp(z * (1 / 6) + 0.5, 0, 1)


class Exponential(nn.Module):
    """a = exp(z), clipped to the largest finite number."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return a, with the shape of z."""
        return torch.exp(torch.clamp(z, max=math.log(torch.finfo(z.dtype).max) - 1e-3))


class EmbeddingLookup(nn.Module):
    """a0 = [numbers, E1[code_1], …]: the last columns of x are codes, each of which is a row of its embedding.

    Parameters
    ----------
    numbers : int
        Number of columns before the codes.
    embeddings : sequence of tensor (categories, size)
        E1, ….
    """

    def __init__(self, numbers: int, embeddings: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.numbers = numbers
        self.embeddings = nn.ModuleList(nn.Embedding.from_pretrained(array, freeze=False) for array in embeddings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a0 (rows, units of 0) for x (rows, columns)."""
        codes = x[..., self.numbers :].long()
        embedded = [embedding(codes[..., t]) for t, embedding in enumerate(self.embeddings)]
        return torch.cat([x[..., : self.numbers], *embedded], dim=-1)


class Scale(nn.Module):
    """scaled = (raw - shift) · factor, in float64, in the dtype of the network.

    Parameters
    ----------
    shift, factor : tensor (columns,), float64
        Offset and scale.
    dtype : torch.dtype
        Dtype of the result.
    """

    def __init__(self, shift: torch.Tensor, factor: torch.Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.register_buffer("shift", shift)
        self.register_buffer("factor", factor)

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """Return scaled rows, with the shape of raw."""
        return ((raw.double() - self.shift) * self.factor).to(self.dtype)


class Unscale(Scale):
    """raw = scaled / factor + shift, in float64, in the dtype of the network."""

    def forward(self, scaled: torch.Tensor) -> torch.Tensor:
        """Return raw values, with the shape of scaled."""
        return (scaled.double() / self.factor + self.shift).to(self.dtype)
