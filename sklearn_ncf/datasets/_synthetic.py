"""Synthetic ratings from known factors and biases, so that the best possible score is known too."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_ncf._sklearn_compat import Interval, validate_params
from sklearn_ncf.datasets._synthetic_truth import draw_truth, explain_by_features, score_pairs

# Flattens the head of the popularity law. At the size of MovieLens latest-small every user would
# have rated the top item without it; with 50 it is 379 of 671, and 341 in the real data.
MAX_POPULARITY_OFFSET = 50

MAX_INT = np.iinfo(np.int64).max


@validate_params(
    {
        "n_users": [Interval(Integral, 1, MAX_INT, closed="both")],
        "n_items": [Interval(Integral, 1, MAX_INT, closed="both")],
        "n_ratings": [Interval(Integral, 1, MAX_INT, closed="both")],
        "n_factors": [Interval(Integral, 0, MAX_INT, closed="both")],
        "noise": [Interval(Real, 0, np.inf, closed="left")],
        "rating_range": [tuple, list],
        "step": [Interval(Real, 0, np.inf, closed="neither"), None],
        "popularity": [Interval(Real, 0, 10, closed="both")],
        "n_item_features": [Interval(Integral, 0, MAX_INT, closed="both")],
        "n_user_features": [Interval(Integral, 0, MAX_INT, closed="both")],
        "feature_share": [Interval(Real, 0, 1, closed="both")],
        "as_frame": ["boolean"],
        "return_truth": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_ratings(
    n_users=100,
    n_items=50,
    n_ratings=1000,
    *,
    n_factors=4,
    noise=0.3,
    rating_range=(1.0, 5.0),
    step=0.5,
    popularity=1.0,
    n_item_features=0,
    n_user_features=0,
    feature_share=0.5,
    as_frame=True,
    return_truth=False,
    random_state=None,
):
    r"""Generate ratings from random user and item factors and biases.

    The rating of item :math:`i` by user :math:`u` is

    .. math:: r_{ui} = \mu + b_u + b_i + p_u \cdot q_i + \varepsilon_{ui}

    with normal biases :math:`b`, factors :math:`p, q` and noise :math:`\varepsilon`, clipped to
    ``rating_range`` and rounded to ``step``. The pairs are drawn without repetition: every user
    is as likely as any other, popular items are likelier than rare ones. Time and memory grow
    with ``n_users + n_items + n_ratings``, never with ``n_users * n_items``.

    Parameters
    ----------
    n_users : int, default=100
        Number of users to draw from. A user may end up without a rating.
    n_items : int, default=50
        Number of items to draw from. An item may end up without a rating.
    n_ratings : int, default=1000
        Number of ratings, at most ``n_users * n_items``.
    n_factors : int, default=4
        Length of the factors. Their match adds the same variance at any length; with 0 the
        ratings are made of the mean and the biases alone.
    noise : float, default=0.3
        Standard deviation of the noise, in rating units.
    rating_range : tuple of (float, float), default=(1.0, 5.0)
        Lowest and highest rating. The mean and the spread of biases and factors follow it.
    step : float or None, default=0.5
        Distance between neighbouring ratings, in rating units; it must divide the width of
        ``rating_range``. None for ratings that are not rounded.
    popularity : float, default=1.0
        Skew of the item popularity, from 0 to 10: the item of popularity rank `k` is drawn in
        proportion to ``(k + min(50, n_items / 10)) ** -popularity``, the Zipf-Mandelbrot law, as
        long as there are users left who have not rated it. 0 makes all items alike; the default
        is close to MovieLens. Ranks are given to the item ids at random.
    n_item_features : int, default=0
        Number of features of items: columns of standard normal numbers, one per item, that tell a
        model about an item before it has a rating.
    n_user_features : int, default=0
        Number of features of users, in the same way.
    feature_share : float, default=0.5
        How much the features tell, from 0 to 1: the share of the variance of biases and factors
        that is a linear function of the features. The rest is independent of them. Without
        features it has no effect.
    as_frame : bool, default=True
        If True, return a DataFrame and a Series, else NumPy arrays.
    return_truth : bool, default=False
        If True, also return what the ratings were made from.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws, for the same result in every call. None draws fresh entropy. NumPy's
        global random state is left alone in both cases. Neither the pairs nor the truth depend
        on ``noise`` and ``step``; the pairs and the noise do not depend on the features.

    Returns
    -------
    X : DataFrame or ndarray of shape (n_ratings, 2 + n_item_features + n_user_features)
        The ids ``user``, 0 to ``n_users - 1``, and ``item``, 0 to ``n_items - 1``, int64, each
        pair once, in random order. Then, float64, the features ``item_feature_1``, ... of the item
        and ``user_feature_1``, ... of the user. An array with features is float64 throughout.
    y : Series or ndarray of shape (n_ratings,)
        The ``rating``, float64.
    truth : :class:`~sklearn.utils.Bunch`
        Only with ``return_truth=True``. NumPy arrays of float64, in rating units:

        mean : float
            The mean :math:`\mu`.
        user_bias : ndarray of shape (n_users,)
            The biases :math:`b_u`.
        item_bias : ndarray of shape (n_items,)
            The biases :math:`b_i`.
        user_factors : ndarray of shape (n_users, n_factors)
            The factors :math:`p_u`.
        item_factors : ndarray of shape (n_items, n_factors)
            The factors :math:`q_i`.
        user_features : ndarray of shape (n_users, n_user_features)
            The features of all users.
        item_features : ndarray of shape (n_items, n_item_features)
            The features of all items.
        noise_free : ndarray of shape (n_ratings,)
            The rating of every row of ``X`` before noise and rounding, clipped to
            ``rating_range``. Its error against ``y`` is about the least that a model can reach.

    Raises
    ------
    ValueError
        If ``n_ratings`` exceeds ``n_users * n_items``, if that product exceeds the largest int64,
        if ``rating_range`` is not two finite numbers in rising order, or if ``step`` does not
        divide it.

    See Also
    --------
    load_movielens : Real ratings.

    Examples
    --------
    >>> from sklearn.metrics import root_mean_squared_error
    >>> from sklearn_ncf.datasets import make_ratings
    >>> X, y, truth = make_ratings(n_ratings=2000, return_truth=True, random_state=0)
    >>> X.shape
    (2000, 2)
    >>> least = root_mean_squared_error(y, truth.noise_free)  # no model does much better
    >>> print(f"{least:.1f}")
    0.3

    With features, of which the factors and biases of the items are a linear function to one half:

    >>> X, y = make_ratings(n_item_features=2, random_state=0)
    >>> X.columns.to_list()
    ['user', 'item', 'item_feature_1', 'item_feature_2']
    """
    # Python's own numbers: those of numpy overflow, or make the results float32 or longdouble.
    n_users, n_items, n_ratings, n_factors = int(n_users), int(n_items), int(n_ratings), int(n_factors)
    n_item_features, n_user_features = int(n_item_features), int(n_user_features)
    noise, popularity, feature_share = _to_float("noise", noise), float(popularity), float(feature_share)
    n_pairs = n_users * n_items
    if n_pairs > MAX_INT:
        raise ValueError(
            f"n_users={n_users} times n_items={n_items} must not exceed {MAX_INT}, the largest int64; lower one."
        )
    if n_ratings > n_pairs:
        raise ValueError(
            f"n_ratings={n_ratings} must not exceed the {n_pairs} pairs of n_users={n_users} and "
            f"n_items={n_items}, as no pair is drawn twice; lower n_ratings, or raise n_users or "
            "n_items."
        )
    low, high = _check_rating_range(rating_range)
    n_steps = None if step is None else _count_steps(step, low, high, _precision(step, *rating_range))
    # check_random_state(None) would hand out, and advance, numpy's global state.
    rng = np.random.RandomState() if random_state is None else check_random_state(random_state)

    truth = draw_truth(rng, n_users, n_items, n_factors, low, high)
    user, item = _draw_pairs(rng, n_users, n_items, n_ratings, popularity)
    noise = noise * rng.standard_normal(n_ratings)
    # Last, so that neither pairs nor noise depend on the features.
    explain_by_features(rng, truth, high - low, n_item_features, n_user_features, feature_share)
    score = score_pairs(truth, user, item)
    rating = np.clip(score + noise, low, high)
    if n_steps is not None:
        rating = _round_to_steps(rating, low, high, n_steps)
    truth.noise_free = np.clip(score, low, high)

    columns = {"user": user, "item": item}
    for name, features, row in (("item", truth.item_features, item), ("user", truth.user_features, user)):
        columns |= {f"{name}_feature_{number}": column[row] for number, column in enumerate(features.T, 1)}
    if as_frame:
        X, y = pd.DataFrame(columns), pd.Series(rating, name="rating")
    else:
        X, y = np.column_stack(list(columns.values())), rating
    return (X, y, truth) if return_truth else (X, y)


def _to_float(name, number):
    """Return the number as a float, or say that an integer is too large for one."""
    try:
        return float(number)
    except OverflowError as error:
        raise ValueError(f"{name} must hold no number that is too large for float64; pass a smaller one.") from error


def _check_rating_range(rating_range):
    """Return the rating range as two floats, or say what is wrong with it."""
    numbers = all(isinstance(bound, Real) for bound in rating_range)
    if len(rating_range) == 2 and numbers:
        low, high = (_to_float("rating_range", bound) for bound in rating_range)
        if low < high and np.isfinite(high - low):
            return low, high
    raise ValueError(
        f"rating_range={rating_range!r} must be two finite numbers (low, high) with low < high, such as (1, 5)."
    )


def _precision(*numbers):
    """Return the relative error of the least precise of the numbers: 0.1 as float32 is 0.1 only up to 1e-7."""
    return max(1e-9, *(np.finfo(number.dtype).eps for number in numbers if isinstance(number, np.floating)), 0)


def _count_steps(step, low, high, precision):
    """Return the number of steps from low to high, or say that they do not fit."""
    width = _to_float("step", step)
    ratio = (high - low) / width if width else np.inf  # a positive longdouble may be too small for a float
    n_steps = np.rint(ratio)
    if not (1 <= n_steps < np.inf and np.isclose(ratio, n_steps, rtol=precision, atol=0)):
        raise ValueError(
            f"step={step} must divide the rating_range from {low} to {high} into whole steps; "
            "pass a step that does, or step=None for ratings that are not rounded."
        )
    return n_steps


def _round_to_steps(rating, low, high, n_steps):
    """Round to low, ..., high in n_steps equal steps; both ends come out exactly."""
    share = np.rint((rating - low) / (high - low) * n_steps) / n_steps
    return np.clip(low * (1 - share) + high * share, low, high)


def _draw_pairs(rng, n_users, n_items, n_ratings, popularity):
    """Draw n_ratings different pairs in random order; return their users and their items."""
    rank = np.arange(1, n_items + 1, dtype=np.float64)
    offset = min(MAX_POPULARITY_OFFSET, n_items / 10)
    weights = rng.permutation((rank + offset) ** -popularity)
    counts = _draw_counts(rng, weights, n_ratings, n_users)
    # To fill more than half of a column by trial and error is slow; draw the gaps instead.
    dense = counts > n_users // 2
    keys = _draw_keys(rng, np.where(dense, n_users - counts, counts), n_users)
    if dense.any():
        keys = _swap_gaps(keys, np.flatnonzero(dense), n_users)
    rng.shuffle(keys)
    item, user = np.divmod(keys, n_users)
    return user, item


def _draw_counts(rng, weights, n_ratings, n_users):
    """Share n_ratings out to the items in proportion to their weights, at most n_users each."""
    counts = np.zeros(len(weights), dtype=np.int64)
    excess = n_ratings
    while excess:
        # What a full item could not take goes to those with room.
        open_ = np.flatnonzero(counts < n_users)
        counts[open_] += rng.multinomial(excess, weights[open_] / weights[open_].sum())
        excess = int(np.maximum(counts - n_users, 0).sum())
        np.minimum(counts, n_users, out=counts)
    return counts


def _draw_keys(rng, counts, n_users):
    """Draw counts[i] different users for each item i; return the sorted item * n_users + user.

    No count may exceed n_users / 2: then half of the draws or more hit a free user, and the
    number of rounds grows with the logarithm of the counts.
    """
    keys = np.empty(0, dtype=np.int64)
    missing = counts
    while missing.any():
        item = np.repeat(np.arange(len(counts), dtype=np.int64), missing)
        drawn = np.sort(item * n_users + rng.randint(n_users, size=len(item), dtype=np.int64))
        # np.unique hashes since numpy 2.3: ten times slower than the sort for 10 million keys.
        drawn = drawn[np.diff(drawn, prepend=-1) > 0]
        drawn = drawn[~_is_in_sorted(drawn, keys)]
        missing = missing - np.bincount(drawn // n_users, minlength=len(counts))
        # Two sorted runs: the stable sort merges them in linear time.
        keys = np.sort(np.concatenate([keys, drawn]), kind="stable")
    return keys


def _is_in_sorted(values, sorted_values):
    """Tell for each value whether it is one of the sorted ones."""
    if not len(sorted_values):
        return np.zeros(len(values), dtype=bool)
    position = np.searchsorted(sorted_values, values)
    return sorted_values[np.minimum(position, len(sorted_values) - 1)] == values


def _swap_gaps(keys, dense_items, n_users):
    """Replace the keys of the dense items, which are their gaps, by the keys that they leave."""
    item, user = np.divmod(keys, n_users)
    is_gap = np.isin(item, dense_items)
    # At most two cells a rating: the dense items are more than half full.
    taken = np.ones((len(dense_items), n_users), dtype=bool)
    taken[np.searchsorted(dense_items, item[is_gap]), user[is_gap]] = False
    row, user = np.nonzero(taken)
    return np.concatenate([keys[~is_gap], dense_items[row] * n_users + user])
