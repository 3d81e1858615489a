"""Exchange: networks for and from other libraries: ONNX files, PyTorch modules."""

from glassnet.models.exchange.onnx_file import to_onnx
from glassnet.models.exchange.portable import Portable
from glassnet.models.exchange.pytorch import from_torch, to_torch

__all__ = ["Portable", "from_torch", "to_onnx", "to_torch"]
