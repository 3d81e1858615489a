"""Export and import of networks: ONNX files, PyTorch modules, scikit-learn estimators."""

from glassnet.models.exchange.onnx_file import to_onnx
from glassnet.models.exchange.portable import Portable
from glassnet.models.exchange.pytorch import from_torch, to_torch
from glassnet.models.exchange.scikit import from_sklearn, to_sklearn

__all__ = ["Portable", "from_sklearn", "from_torch", "to_onnx", "to_sklearn", "to_torch"]
