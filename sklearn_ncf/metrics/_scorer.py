"""RankingScorer: how well a fitted model ranks held-out positives, for `scoring=`."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d

from sklearn_ncf._sklearn_compat import Interval, StrOptions, validate_parameter_constraints
from sklearn_ncf.encoding import MISSING, as_local, as_numbers, read_table
from sklearn_ncf.lists import METRICS, PipelineIdMapper, Rankings, places_among
from sklearn_ncf.nn import ITEM, USER


class RankingScorer(BaseEstimator):
    """Score a fitted model by the rank that it gives to held-out positives.

    Usable as ``scoring=`` in `cross_validate` and `GridSearchCV`, with :class:`~sklearn_ncf.NCFRanker`,
    :class:`~sklearn_ncf.NCFRegressor` or a Pipeline that ends in one. Each user of the rows to score is a list of
    candidates: those of :func:`~sklearn_ncf.recommend`, which are the items seen in `fit`, or, with `n_negatives`, each
    positive and sampled ones. Items that the user has interacted with in `fit` are left out of the lists, and of the
    positives too. Ties count against the model. The score is the mean over users.

    Parameters
    ----------
    metric : {"ndcg", "hit_rate", "recall", "reciprocal_rank"}, default="ndcg"
        One of the metrics of this module, at `k`.

    k : int, default=10
        Length of the list.

    n_negatives : int, default=None
        Rank each positive among this many items drawn from those that its user has neither in `fit` nor in the rows to
        score (the paper's protocol has 99), and take the mean over positives. Such figures cannot be compared with
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

    See Also
    --------
    sklearn_ncf.recommend : The lists that are scored here.
    sklearn_ncf.model_selection.LeaveLastOut : Holds out each user's last rows.

    Notes
    -----
    A user who has interacted with every candidate, or whose positives were all seen in `fit`, is not counted.

    References
    ----------
    Krichene, W., S. Rendle (2020). "On Sampled Metrics for Item Recommendation", KDD.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_ncf import NCFRanker
    >>> from sklearn_ncf.datasets import make_ratings
    >>> from sklearn_ncf.metrics import RankingScorer
    >>> from sklearn_ncf.model_selection import LeaveLastOut
    >>> X, y = make_ratings(n_ratings=2000, random_state=0)
    >>> scores = cross_val_score(NCFRanker(max_epochs=2), X, cv=LeaveLastOut(), scoring=RankingScorer("ndcg", k=10))
    >>> scores.shape
    (1,)
    """

    _parameter_constraints = {
        "metric": [StrOptions(set(METRICS))],
        "k": [Interval(Integral, 1, None, closed="left")],
        "n_negatives": [Interval(Integral, 1, None, closed="left"), None],
        "relevance_threshold": [Interval(Real, None, None, closed="both"), None],
        "unknown_items": [StrOptions({"exclude", "include"})],
        "random_state": ["random_state"],
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
    ):
        self.metric = metric
        self.k = k
        self.n_negatives = n_negatives
        self.relevance_threshold = relevance_threshold
        self.unknown_items = unknown_items
        self.random_state = random_state

    def __call__(self, estimator, X, y=None):
        """Score a fitted model on rows of positives.

        Parameters
        ----------
        estimator : estimator or Pipeline
            Fitted, as for :func:`sklearn_ncf.recommend`.
        X : table or array-like of shape (n_samples, n_features)
            Raw ids, in the columns of `fit`.
        y : array-like of shape (n_samples,), default=None
            Ratings, which only `relevance_threshold` asks for.

        Returns
        -------
        float
            In [0, 1], the higher the better.

        Raises
        ------
        ValueError
            If a parameter is out of its range, `relevance_threshold` has no `y`, no positive is left to rank, or `fit`
            has seen no item that can be recommended.

        Warns
        -----
        UserWarning
            If most of the ids are unknown.
        """
        validate_parameter_constraints(self._parameter_constraints, self.get_params(deep=False), type(self).__name__)
        ids, X = PipelineIdMapper(estimator), as_local(X, "X")
        (codes, deviations), distinct = ids.encoded(X, warns=True), self._distinct_ids(ids.id_table(X))
        if self.relevance_threshold is not None:
            if y is None:
                raise ValueError("relevance_threshold needs the ratings y of the rows.")
            y = column_or_1d(as_numbers(y, "y"))
            check_consistent_length(codes, y)
            relevant = y >= float(self.relevance_threshold)
            codes, distinct = codes[relevant], distinct[relevant]
            deviations = _taken(deviations, np.flatnonzero(relevant))
        if not len(codes):
            raise ValueError("No row is relevant: relevance_threshold is above all ratings.")
        _, items, _ = ids.items(None)
        if not len(items):
            raise ValueError("The model has no item to rank: all items of fit are missing or infrequent.")
        missed = self._are_missed(items, codes[:, ITEM], distinct[:, ITEM])
        if self.n_negatives is None:
            values, ranked = self._among_all(ids, items, codes, deviations, distinct, missed)
        else:
            values, ranked = self._among_sampled(ids, items, codes, deviations, missed)
        if not ranked.any():
            raise ValueError("No positive is left to rank: all were seen in fit, or their users have had everything.")
        return float(values[ranked].mean())

    def _are_missed(self, items, codes, distinct):
        """Which positives have an item that is no candidate, so that no list can hold it."""
        return distinct == MISSING if self.unknown_items == "include" else ~np.isin(codes, items)

    def _among_all(self, ids, items, codes, deviations, distinct, missed):
        """A list of all candidates for each user, with context if there is any."""
        # Two unknown users are two lists, and two unknown items two candidates, though they have one code.
        others = [j for j in range(codes.shape[1]) if j != ITEM]
        _, first, owners = np.unique(distinct[:, others], axis=0, return_index=True, return_inverse=True)
        owners = owners.ravel()
        missed_pairs = np.unique(np.stack([owners[missed], distinct[missed, ITEM]], axis=1), axis=0)

        positives, listed = codes[~missed, ITEM], distinct[~missed, ITEM]
        columns, known = places_among(items, positives)
        unknown = ~known
        _, first_of_unknown, number = np.unique(listed[unknown], return_index=True, return_inverse=True)
        columns[unknown] = len(items) + number.ravel()
        candidates = np.append(items, positives[unknown][first_of_unknown])
        of_candidates = np.append(np.full(len(items), MISSING), np.flatnonzero(~missed)[unknown][first_of_unknown])
        queries, of_queries = codes[first][:, others], _taken(deviations, first, USER)
        seen, seen_items = ids.fitted.seen, ids.mask_pooled(ITEM, candidates)
        rankings = Rankings(
            scorer=ids.grid_scorer(queries, of_queries, candidates, _taken(deviations, of_candidates, ITEM)),
            n_candidates=len(candidates),
            queries=queries,
            owners=owners[~missed],
            columns=columns,
            seen=lambda block: seen.among(ids.mask_pooled(USER, block[:, USER]), seen_items),
            n_missed=np.bincount(missed_pairs[:, 0], minlength=len(first)),
        )
        return rankings.values(METRICS[self.metric], int(self.k))

    def _among_sampled(self, ids, items, codes, deviations, missed):
        """A list of sampled items for each positive."""
        rng = check_random_state(self.random_state)
        users, owners = np.unique(codes[:, USER], return_inverse=True)
        by_user = np.argsort(owners.ravel(), kind="stable")
        rows_of_users = np.split(by_user, np.cumsum(np.bincount(owners.ravel()))[:-1])
        of_users, seen_items = ids.fitted.seen.items_of(ids.mask_pooled(USER, users))
        order = np.argsort(of_users, kind="stable")
        had_by_users = np.split(seen_items[order], np.cumsum(np.bincount(of_users, minlength=len(users)))[:-1])

        own_codes = ids.mask_pooled(ITEM, codes[:, ITEM])
        n_negatives = int(self.n_negatives)
        lists = np.full((len(codes), 1 + n_negatives), MISSING)
        listed = np.zeros(lists.shape, dtype=bool)
        for rows, had in zip(rows_of_users, had_by_users, strict=True):
            choice = np.setdiff1d(items, np.concatenate([had, codes[rows, ITEM]]))
            seen = (own_codes[rows] >= 0) & np.isin(own_codes[rows], had)
            for row in rows[~seen & ~missed[rows]]:
                drawn = np.append(codes[row, ITEM], rng.permutation(choice)[:n_negatives])
                lists[row, : len(drawn)], listed[row, : len(drawn)] = drawn, True
        pairs = np.repeat(codes, lists.shape[1], axis=0)
        pairs[:, ITEM] = lists.ravel()
        rows = np.repeat(np.arange(len(codes)), lists.shape[1])
        own = np.where(np.arange(len(rows)) % lists.shape[1], MISSING, rows)  # features of the positive, not of others
        deviations = _taken(deviations, rows, USER) | _taken(deviations, own, ITEM)
        scores = ids.scores_of(pairs, deviations).reshape(lists.shape)
        scores[~listed] = -np.inf
        relevance = np.zeros(lists.shape)
        relevance[:, 0] = 1
        return METRICS[self.metric](relevance, scores, int(self.k)), listed[:, 1:].any(axis=1) | missed

    def _distinct_ids(self, X):
        """The ids of a table as numbers that tell apart also those that the model does not know."""
        _, columns = read_table(X, estimator=self)
        return np.stack([column.positions for column in columns], axis=1)


def _taken(deviations, rows, *sides):
    """The deviations of some rows, -1 for none, by column; of some columns alone where these are given."""
    return {side: of_side.take(rows) for side, of_side in deviations.items() if not sides or side in sides}
