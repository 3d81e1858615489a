"""PyTorch modules for what PyTorch has not; importing this imports PyTorch, and it can be pickled from here."""

from __future__ import annotations

import math

import torch
from torch import nn


class HardSigmoid(nn.Module):
    """a = min(max(z / 6 + 1/2, 0), 1); `torch.nn.Hardsigmoid` has a slope of float32 whatever the dtype."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return a, with the shape of z."""
        return torch.clamp(z * (1 / 6) + 0.5, 0, 1)


class Exponential(nn.Module):
    """a = exp(z), held at the largest finite number."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return a, with the shape of z."""
        return torch.exp(torch.clamp(z, max=math.log(torch.finfo(z.dtype).max) - 1e-3))


class Scale(nn.Module):
    """scaled = (raw - shift) · factor, in float64, in the dtype of the network.

    Parameters
    ----------
    shift, factor : tensor (columns,), float64
        The figures.
    dtype : torch.dtype
        Of the result.
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
