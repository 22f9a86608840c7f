"""The line that a warning points at: the user's own, however many frames of libraries lie between."""

import contextlib
import sys
from pathlib import Path

import joblib
import sklearn

INNER = tuple(
    [f"{Path(package).parent}/".replace("\\", "/") for package in (__file__, sklearn.__file__, joblib.__file__)]
    + [contextlib.__file__.replace("\\", "/")]
)


def caller_stacklevel():
    """The `stacklevel` with which `warnings.warn`, called where this is called, names the line of the user's code.

    That is the first one outside of this package and of scikit-learn, whose Pipelines, searches and checks of
    parameters may call us. In a thread that holds no such line it is the line of the caller.
    """
    frame, level = sys._getframe(1), 1
    while frame is not None:
        if not frame.f_code.co_filename.replace("\\", "/").startswith(INNER):
            return level
        frame, level = frame.f_back, level + 1
    return 2
