"""Which checkpoints belong to a fit: those of the same parameters and data."""

import pickle
from contextlib import contextmanager

import joblib

from sklearn_ncf._state import state_of
from sklearn_ncf._version import __version__
from sklearn_ncf.training import Checkpoints

NOT_OF_TRAINING = {"checkpoint_dir", "keep_checkpoints", "device", "verbose"}  # parameters that change no weight


@contextmanager
def checkpoints_of(estimator, encoder, parts, device, *, goes_on):
    """The checkpoints of a fit to encoded parts, None where there are to be none."""
    if estimator.checkpoint_dir is None:
        yield None
        return
    params = {name: value for name, value in estimator.get_params(deep=False).items() if name not in NOT_OF_TRAINING}
    start = state_of(estimator.net_)["weights"] if goes_on else None
    fit = (__version__, type(estimator).__name__, params, encoder.categories_, parts, start)
    try:
        fingerprint = joblib.hash(fit)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            "checkpoint_dir tells fits apart by their parameters and data, but something in them, such as a function "
            f"without a name in callbacks, does not pickle ({error}). Use functions and classes of a module."
        ) from error
    checkpoints = Checkpoints(
        estimator.checkpoint_dir, fingerprint, keeps_all=estimator.keep_checkpoints, device=device
    )
    try:
        yield checkpoints
    finally:
        checkpoints.close()
