"""Copies of callbacks for one fit: attributes of their own, and the same objects that these refer to."""

import operator
from types import MethodType

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_ncf.training._skorch import Callback

COPIED = (Callback, MethodType, BaseEstimator, dict, list, tuple, set, np.ndarray, torch.Tensor)


def copy_callbacks(callbacks: list) -> list:
    """Copy callbacks, alone or as pairs of a name and a callback.

    A copy has its own attributes: training neither initializes nor changes the original. They refer to the same
    objects as the original's, such as a trial, a writer, an open file, or a list that collects results. Copied with it
    are other callbacks, estimators that are not fitted, and what training itself has learned: containers and arrays in
    attributes whose names end in ``_``.
    """
    copies = _Copies()
    return [copies.copy(callback) for callback in callbacks]


class _Copies:
    """Copies made so far, so that callbacks that refer to each other still do."""

    def __init__(self) -> None:
        self._made: dict[int, object] = {}

    def copy(self, value, *, is_learned: bool = False):
        """A copy of what belongs to a fit, or the value itself."""
        if not isinstance(value, COPIED):
            return value
        if id(value) not in self._made:
            self._made[id(value)] = value  # for containers that hold themselves
            self._made[id(value)] = self._copy(value, is_learned)
        return self._made[id(value)]

    def _copy(self, value, is_learned: bool):
        if isinstance(value, Callback):
            return self._copy_callback(value)
        if isinstance(value, MethodType):
            return MethodType(value.__func__, self.copy(value.__self__))
        if type(value) is dict:
            copied = {key: self.copy(part, is_learned=is_learned) for key, part in list(value.items())}
            return copied if is_learned or any(copied[key] is not value[key] for key in copied) else value
        if type(value) in (list, tuple, set):
            parts = list(value)
            copied = [self.copy(part, is_learned=is_learned) for part in parts]
            return type(value)(copied) if is_learned or any(map(operator.is_not, copied, parts)) else value
        if is_learned and isinstance(value, np.ndarray):
            return value.copy()
        if is_learned and isinstance(value, torch.Tensor):
            return value.clone()
        return clone(value, safe=False) if _is_unfitted_estimator(value) else value

    def _copy_callback(self, callback: Callback) -> Callback:
        if hasattr(callback, "__sklearn_clone__"):
            return callback.__sklearn_clone__()
        copied = self._made[id(callback)] = object.__new__(type(callback))
        state = object.__getstate__(callback)
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        attributes = {**(attributes or {}), **(slots or {})}
        for name in sorted(attributes, key=lambda name: name.endswith("_")):
            object.__setattr__(copied, name, self.copy(attributes[name], is_learned=name.endswith("_")))
        return copied


def _is_unfitted_estimator(value) -> bool:
    if not isinstance(value, BaseEstimator) or not hasattr(value, "fit"):
        return False
    try:
        check_is_fitted(value)
    except NotFittedError:
        return True
    return False
