"""Which checkpoints belong to a fit: those of the same parameters and data; what its processes must agree on."""

from contextlib import contextmanager
from types import FunctionType, MethodType

import joblib

from sklearn_ncf._numbers import as_python
from sklearn_ncf._version import __version__
from sklearn_ncf.fitting._state import state_of
from sklearn_ncf.training import Checkpoints, NoCheckpoints, processes

NOT_OF_TRAINING = {"checkpoint_dir", "keep_checkpoints", "device", "verbose"}  # parameters that change no weight


@contextmanager
def checkpoints_of(settings, encoder, parts, device, *, start=None):
    """The checkpoints of a fit to encoded parts; those of one in several processes are the first one's.

    `start` is the net from which the fit resumes, if there is one.
    """
    params = {name: value for name, value in settings.params.items() if name not in NOT_OF_TRAINING}
    plain = {name: value for name, value in params.items() if isinstance(value, bool | int | float | str | tuple)}
    together = processes()
    together.check_same(lambda: joblib.hash((plain, encoder.categories_, parts)))
    if settings.checkpoint_dir is None:
        checkpoints = NoCheckpoints()
    elif together.is_rank_zero:
        weights = None if start is None else state_of(start)["weights"]
        fit = (__version__, settings.estimator, _described(params), encoder.categories_, parts, weights)
        checkpoints = Checkpoints(
            settings.checkpoint_dir, joblib.hash(fit), keeps_all=settings.keep_checkpoints, device=device
        )
        together.broadcast_object((checkpoints.state, checkpoints.source))
    else:
        checkpoints = NoCheckpoints(*together.broadcast_object(None))
    if checkpoints.seed is None:
        checkpoints.seed = together.agreed_seed(settings.random_state)
    try:
        yield checkpoints
    except BaseException:
        checkpoints.close(quietly=True)
        raise
    checkpoints.close()


class UnnamedFunctionError(ValueError):
    """A function that has no name by which to tell it from others."""


def _described(value):
    """A value as plain ones that are the same in every process: classes and functions by name, objects by their parts.

    A class or function of a script has no other address in the workers of a search.
    """
    if isinstance(value, type):
        return value.__module__, value.__qualname__
    if isinstance(value, FunctionType):
        if "<" in value.__qualname__:
            raise UnnamedFunctionError(
                f"checkpoint_dir tells fits apart by their parameters, but one function without a name of its own, "
                f"{value.__qualname__}, is like another. Define it with def in a module or script, not inside a "
                "function and not as a lambda."
            )
        return value.__module__, value.__qualname__
    if isinstance(value, dict):
        return {name: _described(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_described(part) for part in value]
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        return _described(type(value)), {name: _described_setting(part) for name, part in params.items()}
    parts = value.__reduce_ex__(4)
    return _described(parts) if hasattr(value, "__dict__") or isinstance(value, MethodType) else as_python(value)


def _described_setting(value):
    """A parameter of a callback: an object that cannot be pickled, such as an open file, by its class alone."""
    try:
        return _described(value)
    except UnnamedFunctionError:
        raise
    except Exception:  # whatever the object's own code raises
        return _described(type(value))
