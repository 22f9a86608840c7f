"""Checks of what comes beside a table of ids: ratings, their range, and weights."""

from numbers import Number, Real

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import assert_all_finite

from sklearn_ncf._numbers import as_python
from sklearn_ncf._sklearn_compat import InvalidParameterError, check_sample_weight, num_samples
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.encoding import as_local, as_numbers
from sklearn_ncf.storage import parts_of


def check_ratings(X, y, *, estimator, names=("X", "y")):
    """A table, and ratings as float64, or float32 where they are, of shape (n_samples,), one for each of its rows."""
    name = names[1]
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")
    X = as_local(X, names[0])
    y = y if isinstance(y, Real) else as_numbers(y, name, "ratings")
    y = column_or_1d(y, dtype=[np.float64, np.float32], warn=True)
    check_consistent_length(X, y)
    assert_all_finite(y, input_name=name)
    return X, y


def with_ones(X, name):
    """A table and a target of one for each of its rows."""
    X = as_local(X, name)
    return X, np.ones(num_samples(X))


def check_range(rating_range, *, estimator):
    """A given `rating_range` as a pair of floats."""
    bounds = as_python(tuple(rating_range))
    numbers = len(bounds) == 2 and all(isinstance(bound, Real) and np.isfinite(bound) for bound in bounds)
    if not numbers or bounds[0] >= bounds[1]:
        raise InvalidParameterError(
            f"The 'rating_range' parameter of {type(estimator).__name__} must be 'auto', None or a pair (low, high) of "
            f"finite numbers, low below high. Got {rating_range!r} instead."
        )
    return float(bounds[0]), float(bounds[1])


def learnt_range(rating_range, y, *, estimator):
    """The range of predictions that the parameter `rating_range` and the ratings `y` of a fit give, or None."""
    if rating_range is None:
        return None
    found = float(y.min()), float(y.max())
    if isinstance(rating_range, str):
        return found
    low, high = check_range(rating_range, estimator=estimator)
    if found[0] < low or found[1] > high:
        raise ValueError(
            f"y holds ratings from {found[0]:g} to {found[1]:g}, outside rating_range=({low:g}, {high:g}). Widen "
            'rating_range, or use rating_range="auto" or None.'
        )
    return low, high


def clipped(y, rating_range):
    """Ratings inside the range of predictions; `UserWarning` where some were not."""
    low, high = rating_range
    n_outside = int(np.count_nonzero((y < low) | (y > high)))
    if n_outside:
        warn_caller(
            f"{n_outside} of {len(y)} ratings lie outside rating_range_=({low:g}, {high:g}), learned in the first fit, "
            "and are clipped: no prediction leaves it. Fit from scratch on all ratings, with rating_range=(low, high) "
            "or None if more extreme ones may come."
        )
        return np.clip(y, low, high)
    return y


def center_and_spread(y, sample_weight):
    """Weighted mean and standard deviation of ratings, in double precision."""
    center = float(y.mean(dtype=np.float64) if sample_weight is None else np.average(y, weights=sample_weight))
    squares = 0.0
    for rows in parts_of(len(y)):
        deviations = np.subtract(y[rows], center, dtype=np.float64) ** 2
        squares += deviations.sum() if sample_weight is None else (deviations * sample_weight[rows]).sum()
    return center, float(np.sqrt(squares / (len(y) if sample_weight is None else sample_weight.sum())))


def check_weight(sample_weight, y, *, keeps_scale=False):
    """Weights as float64 of shape (n_samples,), or None; the largest of them is 1 unless they keep their scale."""
    if sample_weight is None:
        return None
    if not isinstance(sample_weight, Number):
        sample_weight = as_numbers(sample_weight, "sample_weight", "weights")
        if not sample_weight.shape[0]:
            raise ValueError(f"sample_weight is empty; it must hold a weight for each of the {len(y)} rows.")
    sample_weight = check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
    if not sample_weight.any():
        raise ValueError("All sample weights are zero; at least one row needs a positive weight.")
    return sample_weight if keeps_scale else sample_weight / sample_weight.max()
