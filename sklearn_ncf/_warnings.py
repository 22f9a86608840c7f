"""Warnings that point at the line of the caller, however many layers of this library and of others lie between."""

import sys
import warnings
from pathlib import Path

import joblib
import sklearn

# Files of a call's way from the user's line to ours: this library, scikit-learn and its parallel backend.
INSIDE = tuple(str(Path(file).parent) for file in (__file__, sklearn.__file__, joblib.__file__))


def warn_caller(message, category=UserWarning):
    """Issue a warning at the innermost line that belongs neither to this library nor to scikit-learn."""
    frame, stacklevel = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)
