"""Warnings that point at the line of the caller, however many layers of this library and of others lie between."""

import sys
import warnings

BETWEEN = {"sklearn_ncf", "skorch", "sklearn", "joblib", "contextlib"}  # packages on a call's way from the caller to us


def warn_caller(message, category=UserWarning):
    """Issue a warning at the innermost line that belongs neither to this library nor to those that call it."""
    frame, stacklevel = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)
