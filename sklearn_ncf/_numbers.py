"""Python's own numbers in the place of numpy's."""

from numbers import Integral, Real

import numpy as np


def as_python(value):
    """A parameter with Python's own booleans, numbers and strings, also inside of lists, tuples and arrays.

    numpy's numbers pass scikit-learn's checks of parameters, but torch does not take all of them, and their arithmetic
    overflows: ``np.int8(100) * 2`` is -56.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)  # of a member of an Enum its value, where str() gives the member's name
    if isinstance(value, list):
        return [as_python(part) for part in value]
    if type(value) is tuple or (isinstance(value, np.ndarray) and value.ndim):
        return tuple(as_python(part) for part in value)
    return value
