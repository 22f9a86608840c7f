"""Fitted models for use without this library."""

from sklearn_ncf.export._onnx import to_onnx

__all__ = ["to_onnx"]
