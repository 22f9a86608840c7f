"""Metrics of rankings given as arrays: a row a user, a column a candidate item."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from sklearn_ncf._sklearn_compat import Interval, validate_params
from sklearn_ncf.encoding import as_numbers
from sklearn_ncf.fitting import check_weight
from sklearn_ncf.lists import METRICS, BestOfLists

CONSTRAINTS = {"k": [Interval(Integral, 1, None, closed="left")], "sample_weight": ["array-like", None]}


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def hit_rate_at_k(y_true, y_score, *, k=10, sample_weight=None):
    """Share of users who find a relevant item among their `k` best.

    Parameters
    ----------
    y_true : array-like of shape (n_users, n_items)
        Relevance, 0 for none.
    y_score : array-like of shape (n_users, n_items)
        Scores, the higher the better; minus infinity takes an item out. Ties count against the model: among equal
        scores, the less relevant item comes first.
    k : int, default=10
        Length of the list.
    sample_weight : array-like of shape (n_users,), default=None
        Weights of the users.

    Returns
    -------
    float
        In [0, 1]. A user without relevant items counts as 0.

    Raises
    ------
    ValueError
        If the arrays differ in shape, or relevance is negative or not finite, or `k` is less than 1.

    Examples
    --------
    >>> from sklearn_ncf.metrics import hit_rate_at_k
    >>> hit_rate_at_k([[0, 0, 1], [1, 0, 0]], [[0.1, 0.2, 0.9], [0.1, 0.5, 0.9]], k=1)
    0.5
    """
    return _mean("hit_rate", y_true, y_score, k, sample_weight)


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def precision_at_k(y_true, y_score, *, k=10, sample_weight=None):
    """Mean share of the `k` best items that is relevant.

    Parameters
    ----------
    y_true, y_score, k, sample_weight
        As in :func:`hit_rate_at_k`.

    Returns
    -------
    float
        In [0, 1]. The number of relevant items in a list is divided by `k`, even if there are fewer than `k` items.

    Examples
    --------
    >>> from sklearn_ncf.metrics import precision_at_k
    >>> precision_at_k([[1, 0, 1, 0]], [[0.9, 0.8, 0.1, 0.2]], k=2)
    0.5
    """
    return _mean("precision", y_true, y_score, k, sample_weight)


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def average_precision_at_k(y_true, y_score, *, k=10, sample_weight=None):
    """Mean average precision: of each user, the precisions at the ranks of the relevant items among the `k` best.

    Their sum is divided by the number of the user's relevant items, as in trec_eval's ``map_cut``, ranx and RecTools. A
    perfect list of `k` items therefore has less than 1 if the user has more than `k` relevant items; some competitions
    divide by `k` in that case.

    Parameters
    ----------
    y_true, y_score, k, sample_weight
        As in :func:`hit_rate_at_k`.

    Returns
    -------
    float
        In [0, 1]. A user without relevant items counts as 0.

    References
    ----------
    Manning, C. D., P. Raghavan, H. Schütze (2008). "Introduction to Information Retrieval", section 8.4, Cambridge
    University Press.

    Examples
    --------
    >>> from sklearn_ncf.metrics import average_precision_at_k
    >>> average_precision_at_k([[1, 0, 0, 1]], [[0.9, 0.8, 0.1, 0.2]], k=3)  # (1 / 1 + 2 / 3) / 2
    0.8333333333333333
    """
    return _mean("average_precision", y_true, y_score, k, sample_weight)


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def recall_at_k(y_true, y_score, *, k=10, sample_weight=None):
    """Mean share of a user's relevant items that is among the `k` best.

    Parameters
    ----------
    y_true, y_score, k, sample_weight
        As in :func:`hit_rate_at_k`.

    Returns
    -------
    float
        In [0, 1]. A user without relevant items counts as 0.

    Examples
    --------
    >>> from sklearn_ncf.metrics import recall_at_k
    >>> recall_at_k([[1, 0, 1, 0]], [[0.9, 0.8, 0.1, 0.2]], k=2)
    0.5
    """
    return _mean("recall", y_true, y_score, k, sample_weight)


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def reciprocal_rank_at_k(y_true, y_score, *, k=10, sample_weight=None):
    """Mean of the inverse rank of a user's best relevant item, 0 where it is not among the `k` best.

    Parameters
    ----------
    y_true, y_score, k, sample_weight
        As in :func:`hit_rate_at_k`.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from sklearn_ncf.metrics import reciprocal_rank_at_k
    >>> reciprocal_rank_at_k([[0, 1, 0]], [[0.9, 0.8, 0.1]])
    0.5
    """
    return _mean("reciprocal_rank", y_true, y_score, k, sample_weight)


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def ndcg_at_k(y_true, y_score, *, k=10, sample_weight=None):
    r"""Mean normalised discounted cumulative gain of the `k` best items (Järvelin and Kekäläinen 2002).

    The gain of rank :math:`r` is the relevance over :math:`\log_2(r + 1)`, as in scikit-learn's `ndcg_score`, to which
    this is equal where no scores are.

    Parameters
    ----------
    y_true, y_score, k, sample_weight
        As in :func:`hit_rate_at_k`.

    Returns
    -------
    float
        In [0, 1]. A user without relevant items counts as 0.

    References
    ----------
    K. Järvelin, J. Kekäläinen (2002). "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4).

    Examples
    --------
    >>> from sklearn_ncf.metrics import ndcg_at_k
    >>> round(ndcg_at_k([[0, 1, 0]], [[0.9, 0.8, 0.1]]), 3)  # 1 / log2(3)
    0.631
    """
    return _mean("ndcg", y_true, y_score, k, sample_weight)


def _mean(metric, y_true, y_score, k, sample_weight):
    relevance = check_array(as_numbers(y_true, "y_true"), input_name="y_true", dtype=np.float64)
    scores = check_array(
        as_numbers(y_score, "y_score"), input_name="y_score", dtype=[np.float64, np.float32], ensure_all_finite=False
    )
    if relevance.shape != scores.shape:
        raise ValueError(f"y_true has shape {relevance.shape}, y_score has shape {scores.shape}; they must be alike.")
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError("y_score must hold numbers; only minus infinity, which takes an item out, may be infinite.")
    if (relevance < 0).any():
        raise ValueError("y_true holds negative relevance; 0 is none, and more is better.")
    values = METRICS[metric](BestOfLists.of(relevance, scores, int(k)), int(k))
    return float(np.average(values, weights=check_weight(sample_weight, relevance)))
