"""Networks in the forms of other libraries: ONNX, PyTorch, scikit-learn."""
