"""Exchange: networks for and from other libraries: ONNX files."""

from glassnet.models.exchange.onnx_file import to_onnx
from glassnet.models.exchange.portable import Portable

__all__ = ["Portable", "to_onnx"]
