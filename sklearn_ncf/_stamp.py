"""What a saved estimator says of the version that saved it, so that another one can tell whether it understands it."""

import numpy as np

from sklearn_ncf._version import __version__

FORMAT = 1  # of saved states; another number wherever their layout changes


def add_version(state):
    """A state with the version that saves it."""
    return _standardized(state) | {"_format": FORMAT, "_sklearn_ncf_version": __version__}


def check_version(state, estimator):
    """A state without its stamp; `ValueError` where this version does not know its layout."""
    state = dict(state)
    format_, version = state.pop("_format", None), state.pop("_sklearn_ncf_version", "before 0.1")
    if format_ != FORMAT:
        newer = isinstance(format_, int) and format_ > FORMAT
        advice = "upgrade sklearn-ncf" if newer else "fit again, or load it with the version that saved it"
        raise ValueError(
            f"This {type(estimator).__name__} was saved by sklearn_ncf {version}, in a layout that version "
            f"{__version__} does not read; {advice}."
        )
    return state


def _standardized(value):
    """A state whose empty arrays have the strides that loading gives them, which `joblib.hash` sees."""
    if isinstance(value, dict):
        return {name: _standardized(of_name) for name, of_name in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict | np.ndarray):
        return [_standardized(member) for member in value]
    if isinstance(value, np.ndarray) and not value.size:
        sizes = np.maximum((*value.shape[1:], 1), 1)[::-1].cumprod()[::-1] * value.itemsize
        return np.ndarray(value.shape, value.dtype, strides=tuple(sizes.tolist()))
    return value
