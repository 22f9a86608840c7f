"""RankingScorer: how well a fitted model ranks held-out positives, for `scoring=`."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d

from sklearn_ncf._sklearn_compat import Interval, StrOptions, validate_parameter_constraints
from sklearn_ncf.encoding import MISSING, as_local, as_numbers
from sklearn_ncf.lists import METRICS, ForeignEstimatorError
from sklearn_ncf.metrics._encoded_rows import EncodedRows
from sklearn_ncf.metrics._foreign_rows import ForeignRows
from sklearn_ncf.metrics._rank import LIST_METRICS, score_full_rankings, score_sampled_rankings
from sklearn_ncf.nn import ITEM

METRIC = [StrOptions({*METRICS, *LIST_METRICS})]
CUT_OFF = [Interval(Integral, 1, None, closed="left")]


class RankingScorer(BaseEstimator):
    """Score a fitted model by its lists: the rank of held-out positives in them, or what the lists are like.

    Usable as ``scoring=`` in `cross_validate` and `GridSearchCV`, with :class:`~sklearn_ncf.NCFRanker`,
    :class:`~sklearn_ncf.NCFRegressor`, a Pipeline that ends in one, and any other estimator with `predict`, see the
    notes. Each user of the rows to score is a list of candidates: those of :func:`~sklearn_ncf.recommend`, which are
    the items seen in `fit`, or, with `n_negatives`, each positive and sampled ones. Items that the user has interacted
    with in `fit` are left out of the lists, and of the positives too. Ties count against the model. The score is the
    mean over users. All metrics and cut-offs are computed from the same scores, in one pass.

    Parameters
    ----------
    metric : str or list of str, default="ndcg"
        Metrics at `k`: ``"average_precision"``, ``"hit_rate"``, ``"ndcg"``, ``"precision"``, ``"recall"`` and
        ``"reciprocal_rank"``, as the functions of this module say; and in full rankings ``"coverage"``, the share of
        the candidates that are in one of the lists (:func:`catalog_coverage`), ``"novelty"``, with the interactions of
        `fit` (:func:`novelty`), and ``"diversity"``, with the vectors of the items where the model has them
        (:func:`intra_list_diversity`).

    k : int or array-like of int, default=10
        Lengths of the list.

    n_negatives : int, default=None
        Rank each positive among this many items drawn from those that its user has neither in `fit` nor in the rows to
        score (the paper's protocol has 99), and take the mean over positives. Such results cannot be compared with
        those of full rankings, and may order models differently (Krichene and Rendle 2020). ``None`` ranks all items.

    relevance_threshold : float, default=None
        Only rows with at least this rating are positives. ``None`` is every row, whatever `y`.

    unknown_items : {"exclude", "include"}, default="exclude"
        Whether items of the rows that `fit` has not seen, or that an encoder with `min_frequency` has pooled, are
        candidates. ``"exclude"`` does as :func:`~sklearn_ncf.recommend` does: they are none, and a positive with such
        an item counts as a miss, since no list can hold it. ``"include"`` ranks them with the score that `predict`
        gives to an unknown item, for models that are asked for such items by ``recommend(items=)``. A missing item is
        no candidate, and a miss, in either case.

    random_state : int, RandomState instance or None, default=0
        Draws the negatives; an int draws the same ones for every model.

    seen : table of shape (n_samples, n_features), default=None
        For estimators of other libraries, the interactions that `fit` has seen, in columns like those of the rows to
        score: the training set or, in cross-validation, all rows. If all rows to score are among them, the other rows
        are what `fit` has seen. Estimators of sklearn_ncf know theirs, and ignore this table.

    item_features : str, int or list of these, default=None
        For estimators of other libraries, the names or indices of the columns of `X` that describe the item, so that
        each candidate is scored with its own. They are taken from the item's last row in `seen`, else in the rows to
        score. Estimators of sklearn_ncf know theirs.

    See Also
    --------
    sklearn_ncf.recommend : The lists that are scored here.
    sklearn_ncf.model_selection.LeaveLastOut : Holds out each user's last rows.

    Notes
    -----
    A user who has interacted with every candidate, or whose positives were all seen in `fit`, is not counted; coverage,
    novelty and diversity count all lists that are not empty.

    *Other estimators* get tables like the rows to score, in which the first column is the user and the second one the
    item, and are asked to `predict` all candidates of a user. Further columns are properties of the user or of the
    situation, unless `item_features` names them; each distinct row of them is a list. An estimator may keep what its
    `fit` has seen in two attributes, ``items_``, the ids of the candidates, and ``seen_``, a data frame of the users
    and items of its rows; without them, `seen` is needed. If `seen` holds all rows, splitters must train on all rows
    that they do not hold out, as `KFold` and `LeaveLastOut` do and `TimeSeriesSplit` does not.

    References
    ----------
    Krichene, W., S. Rendle (2020). "On Sampled Metrics for Item Recommendation", KDD.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score, cross_validate
    >>> from sklearn_ncf import NCFRanker
    >>> from sklearn_ncf.datasets import make_ratings
    >>> from sklearn_ncf.metrics import RankingScorer
    >>> from sklearn_ncf.model_selection import LeaveLastOut
    >>> X, y = make_ratings(n_ratings=2000, random_state=0)
    >>> scores = cross_val_score(NCFRanker(max_epochs=2), X, cv=LeaveLastOut(), scoring=RankingScorer("ndcg", k=10))
    >>> scores.shape
    (1,)
    >>> scorer = RankingScorer(["ndcg", "coverage"], k=[5, 10])
    >>> sorted(cross_validate(NCFRanker(max_epochs=2), X, cv=LeaveLastOut(), scoring=scorer))[2:]
    ['test_coverage@10', 'test_coverage@5', 'test_ndcg@10', 'test_ndcg@5']
    """

    _parameter_constraints = {
        "metric": [*METRIC, list, tuple],
        "k": [*CUT_OFF, "array-like"],
        "n_negatives": [Interval(Integral, 1, None, closed="left"), None],
        "relevance_threshold": [Interval(Real, None, None, closed="both"), None],
        "unknown_items": [StrOptions({"exclude", "include"})],
        "random_state": ["random_state"],
        "seen": "no_validation",
        "item_features": "no_validation",
    }

    def __init__(
        self,
        metric="ndcg",
        k=10,
        *,
        n_negatives=None,
        relevance_threshold=None,
        unknown_items="exclude",
        random_state=0,
        seen=None,
        item_features=None,
    ):
        self.metric = metric
        self.k = k
        self.n_negatives = n_negatives
        self.relevance_threshold = relevance_threshold
        self.unknown_items = unknown_items
        self.random_state = random_state
        self.seen = seen
        self.item_features = item_features

    def __call__(self, estimator, X, y=None):
        """Score a fitted model on rows of positives.

        Parameters
        ----------
        estimator : estimator
            Fitted: one that :func:`sklearn_ncf.recommend` takes, or any other with `predict`.
        X : table or array-like of shape (n_samples, n_features)
            Raw ids, in the columns of `fit`.
        y : array-like of shape (n_samples,), default=None
            Ratings, which only `relevance_threshold` asks for.

        Returns
        -------
        float or dict of str to float
            One score, or, where `metric` or `k` is a list, one for each metric and cut-off, such as ``"ndcg@10"``.

        Raises
        ------
        ValueError
            If a parameter is out of its range, `relevance_threshold` has no `y`, no positive is left to rank, `fit`
            has seen no item that can be recommended, or an estimator of another library comes without `seen`.
        TypeError
            If the estimator has no `predict`.

        Warns
        -----
        UserWarning
            If most of the ids are unknown.
        """
        validate_parameter_constraints(self._parameter_constraints, self.get_params(deep=False), type(self).__name__)
        metrics, cut_offs = self._listed("metric", METRIC), [int(k) for k in self._listed("k", CUT_OFF)]
        if self.n_negatives is not None and set(metrics) & set(LIST_METRICS):
            raise ValueError(f"The metrics {', '.join(LIST_METRICS)} need full rankings; use n_negatives=None.")
        rows = self._positives(estimator, as_local(X, "X"), y)
        if not len(rows.items):
            raise ValueError("The model has no item to rank: all items of fit are missing or infrequent.")
        missed = self._are_missed(rows)
        if self.n_negatives is None:
            scores = score_full_rankings(rows, missed, metrics, cut_offs)
        else:
            rng, n_negatives = check_random_state(self.random_state), int(self.n_negatives)
            scores = score_sampled_rankings(rows, missed, metrics, cut_offs, n_negatives=n_negatives, rng=rng)
        if isinstance(self.metric, str) and isinstance(self.k, Integral):
            return scores[metrics[0], cut_offs[0]]
        return {f"{metric}@{k}": scores[metric, k] for metric in metrics for k in cut_offs}

    def _listed(self, name, constraints):
        """A parameter that may be one value or several, as a list of checked values."""
        values = getattr(self, name)
        values = [values] if isinstance(values, str | Integral) else list(values)
        if not values:
            raise ValueError(f"The {name!r} parameter of RankingScorer must not be empty.")
        for value in values:
            validate_parameter_constraints({name: constraints}, {name: value}, type(self).__name__)
        return values

    def _positives(self, estimator, X, y):
        """The rows that are positives, with what it takes to rank them."""
        try:
            rows = EncodedRows.of(estimator, X)
        except ForeignEstimatorError:
            rows = ForeignRows.of(estimator, X, self.seen, self.item_features)
        if self.relevance_threshold is not None:
            if y is None:
                raise ValueError("relevance_threshold needs the ratings y of the rows.")
            y = column_or_1d(as_numbers(y, "y"))
            check_consistent_length(rows.codes, y)
            rows = rows.take(np.flatnonzero(y >= float(self.relevance_threshold)))
        if not len(rows.codes):
            raise ValueError("No row is relevant: relevance_threshold is above all ratings.")
        return rows

    def _are_missed(self, rows):
        """Which positives have an item that is no candidate, so that no list can hold it."""
        if self.unknown_items == "include":
            return rows.distinct[:, ITEM] == MISSING
        return ~np.isin(rows.codes[:, ITEM], rows.items)
