"""Fitted models for use without this library."""

from sklearn_ncf.export._onnx import to_onnx
from sklearn_ncf.export._vectors import Vectors, to_vectors

__all__ = ["Vectors", "to_onnx", "to_vectors"]
