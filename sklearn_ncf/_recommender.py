"""Recommender: a fitted model made ready for requests."""

from collections.abc import Mapping
from functools import cached_property
from numbers import Integral

import numpy as np

from sklearn_ncf._numbers import as_python
from sklearn_ncf._sklearn_compat import Interval, validate_parameter_constraints, validate_params
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.encoding import MISSING, Vocabulary
from sklearn_ncf.fitting import Deviations, further_users_of
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.lists import (
    PipelineIdMapper,
    Requests,
    Selection,
    as_callers_frame,
    as_frame,
    as_id_list,
    best_lists,
    best_of_row,
    check_finite,
    is_pairs,
    places_among_ids,
    predict_with_history,
    read_history,
    read_pairs,
)
from sklearn_ncf.nn import ITEM, USER

OF_ONE = {"n_items": [Interval(Integral, 1, None, closed="left")], "exclude_seen": ["boolean"]}
PARAMETERS = OF_ONE | {"verbose": ["verbose"]}


class Recommender:
    """A fitted model made ready for requests, each of which costs its own work alone.

    :func:`recommend` reads a model's ids and encodes all of its items in each call. A `Recommender` does so once, and
    answers from then on with what the model had learned at that time: make another one after a further fit. It changes
    nothing of itself or of the model in a request, so that threads may share it.

    Parameters
    ----------
    model : estimator or Pipeline
        Fitted, as for :func:`recommend`.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError, ValueError
        As in :func:`recommend`.

    See Also
    --------
    recommend : The same in one call.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRanker, Recommender
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> recommender = Recommender(NCFRanker(random_state=0).fit(X))
    >>> films, scores = recommender.recommend_one("ann", n_items=1)
    >>> films.tolist()
    ['Dune']
    >>> films, scores = recommender.recommend_one(history=["Dune"], n_items=1)  # of somebody who is not in the model
    >>> films.tolist()
    ['Alien']
    """

    def __init__(self, model):
        self._ids = PipelineIdMapper(model)

    @validate_params(PARAMETERS, prefer_skip_nested_validation=True)
    def recommend(
        self, users=None, n_items=10, *, items=None, exclude=None, history=None, exclude_seen=True, verbose=0
    ):
        """Recommend the items with the highest scores.

        Parameters
        ----------
        users, n_items, items, exclude, history, exclude_seen, verbose
            As in :func:`recommend`.

        Returns
        -------
        DataFrame of shape (n_recommendations, n_features + 2)
            As in :func:`recommend`, which raises and warns alike.
        """
        n_items, verbose = as_python(n_items), as_python(verbose)
        ids, given, given_items = self._ids, users, items
        told = None if history is None else read_history(history, ids)
        chosen = read_pairs(items, ids, "items") if items is not None and is_pairs(items, ids) else None
        if users is None and (chosen or told):
            users = (chosen or told.pairs).distinct_users()
        queries, codes, of_queries = ids.queries(users, warns=told is None)
        if not len(codes):
            warn_caller(
                "There is no user to recommend to, since all users of fit are missing or infrequent; the result is "
                "empty. Pass users, or lower min_frequency of the encoder and fit again."
            )
        users = queries[ids.names[USER]]
        if told is not None:
            own = told.deviations(self._further_users, ids, users, codes[:, USER], of_queries.get(USER))
            of_queries = of_queries if own is None else of_queries | {USER: own}
        if chosen is not None and not ids.describes_items(items):
            items = chosen.items.ids
        candidates = self._all_items if items is None else ids.items(items)
        selection = self._selection(users, codes, candidates, chosen, told, exclude, exclude_seen)
        score = (self._pairs if selection.is_sparse else self._grid)(codes, of_queries, candidates, selection)
        rows, columns, ranks, scores = best_lists(score, len(codes), selection.width, n_items, "users", verbose)
        lists = as_frame(queries, rows, ids.names[ITEM], candidates[0], columns, ranks, scores)
        both = ids.names[:2]
        of_items = ids.names[ITEM : ITEM + 1] if chosen is None else both
        return as_callers_frame(lists, (given, list(queries)), (given_items, of_items), (history, both))

    def recommend_one(self, user=None, n_items=10, *, items=None, exclude=None, history=None, exclude_seen=True):
        """Recommend the items with the highest scores to one user: the fastest way.

        Parameters
        ----------
        user : id, default=None
            Raw id of the user; unknown ones, and ``None``, get the items that are liked best in general.

        n_items : int, default=10
            Length of the list.

        items : id or collection of ids, default=None
            Raw ids of the candidates; ``None`` is all items, as in :func:`recommend`.

        exclude : id or collection of ids, default=None
            Raw ids of items that are not to be recommended.

        history : id, collection of ids, or mapping from ids to ratings, default=None
            What the user has done since `fit`, as in :func:`recommend`: raw ids of items, with their ratings where the
            model has learned from ratings.

        exclude_seen : bool, default=True
            As in :func:`recommend`.

        Returns
        -------
        ids : ndarray of shape (n_recommendations,)
            Raw ids of at most `n_items` items, the best one first.

        scores : ndarray of shape (n_recommendations,)
            Their scores, as `predict` gives them.

        Raises
        ------
        TypeError, ValueError
            As in :func:`recommend`.
        """
        given = {"n_items": n_items, "exclude_seen": exclude_seen}
        validate_parameter_constraints(OF_ONE, given, "Recommender.recommend_one")
        requests, ids = self._requests, self._ids
        code, is_own = requests.user(user)
        query = np.full((1, ids.n_columns - 1), MISSING, dtype=np.int64)
        query[0, USER] = code
        of_query = {}
        if history is not None:
            history = history if isinstance(history, Mapping) else as_id_list(history)
            own = query[:, USER] if is_own else np.array([MISSING])
            values = self._further_users.solve(own, query[:, USER], *self._told(code, history))
            of_query = {USER: Deviations(np.zeros(1, dtype=np.intp), values)}
        candidates, added, places_of = requests.items, None, requests.columns
        if items is not None:
            candidates, item_codes, of_items = ids.items(items)
            scores = ids.item_scorer(item_codes, of_items)(query, of_query)[0]
            places_of = places_among_ids(candidates)
        elif requests.has_products_for(code, bool(of_query)):
            scores, added = requests.scores(query, of_query)
        else:
            scores = self._score_all(query, of_query)[0]
        if exclude_seen and is_own:
            seen = requests.seen_columns(code)
            scores[seen if items is None else places_of(requests.items[seen])] = -np.inf
        if exclude is not None:
            exclude = as_id_list(exclude)
            requests.codes(exclude)  # refuses ids of another type than in fit
        for left_out in (exclude, history if exclude_seen else None):
            if left_out is not None:
                scores[places_of(left_out)] = -np.inf
        columns = best_of_row(scores, as_python(n_items))
        scores = scores[columns]
        return candidates[columns], scores if added is None else requests.products.scores(scores + added)

    def predict(self, X, *, history=None):
        """Predict as the model does, of users with a history with what that says of them.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Raw ids, in the columns of `fit`.

        history : table of shape (n_rows, 2 to 4), default=None
            As in :func:`recommend`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In the units of the model's own `predict`.

        Raises
        ------
        ValueError
            If the columns are not those of `fit`, or hold ids of another type, or `history` lacks a column.
        """
        if history is None:
            return self._ids.scores_of(*self._ids.encoded(X, warns=True))
        return predict_with_history(self._ids, X, history, self._further_users)

    def _told(self, code, history):
        """What a user has done, as arguments of `FurtherUsers.solve`."""
        ids = self._ids
        items = list(history)
        codes = np.full((len(items), ids.n_columns), MISSING, dtype=np.int64)
        codes[:, USER], codes[:, ITEM] = code, self._requests.codes(items)
        targets = np.ones(len(items))
        if ids.fitted.learns_ratings:
            if not isinstance(history, Mapping):
                raise ValueError("history must be a mapping from items to ratings, from which the model has learned.")
            targets = ids.targets(check_finite(list(history.values()), "history"))
        return np.zeros(len(items), dtype=np.intp), Interactions(codes, targets)

    def _selection(self, users, codes, candidates, chosen, told, exclude, exclude_seen):
        """What each of some users may be recommended."""
        ids, (items, item_codes, _) = self._ids, candidates
        hidden, columns = [], np.empty(0, dtype=np.intp)
        if exclude is not None and is_pairs(exclude, ids):
            hidden.append(read_pairs(exclude, ids, "exclude").places(users, items))
        elif exclude is not None:
            excluded, _ = ids.distinct(exclude, "exclude", ITEM)
            ids.codes_of(ITEM, excluded)  # refuses ids of another type than in fit
            columns = Vocabulary(items).codes(excluded)
        if exclude_seen and told is not None:
            hidden.append(told.pairs.places(users, items))
        seen_users, seen_items = ids.mask_pooled(USER, codes[:, USER]), ids.mask_pooled(ITEM, item_codes)
        return Selection(
            len(users),
            len(items),
            allowed=None if chosen is None else chosen.places(users, items),
            hidden=hidden,
            hidden_columns=columns[columns >= 0],
            seen=(lambda rows: ids.fitted.seen.among(seen_users[rows], seen_items)) if exclude_seen else None,
        )

    def _grid(self, codes, of_queries, candidates, selection):
        """Scores of the candidates of a slice of the queries, all of them at once."""
        _, item_codes, of_items = candidates
        score = self._score_all if candidates is self._all_items else self._ids.item_scorer(item_codes, of_items)
        return selection.of_grid(lambda rows: score(codes[rows], _of_slice(of_queries, rows)))

    def _pairs(self, codes, of_queries, candidates, selection):
        """Scores of the candidates of a slice of the queries, pair by pair."""
        _, item_codes, of_items = candidates

        def score(rows, columns):
            pairs = np.insert(codes[rows], ITEM, item_codes[columns], axis=1)
            deviations = {side: of_side.take(rows) for side, of_side in of_queries.items()}
            deviations |= {side: of_side.take(columns) for side, of_side in of_items.items()}
            return self._ids.scores_of(pairs, deviations)

        return selection.of_pairs(score)

    @cached_property
    def _all_items(self):
        """Raw ids, codes and no deviations of the items of `fit`."""
        return self._ids.items(None)

    @cached_property
    def _score_all(self):
        """A function from codes of queries to their scores with all items."""
        return self._ids.item_scorer(*self._all_items[1:])

    @cached_property
    def _requests(self):
        """What requests for one user read."""
        return Requests(self._ids, *self._all_items[:2])

    @cached_property
    def _further_users(self):
        """What solves for users with a history."""
        return further_users_of(self._ids.estimator)


def _of_slice(deviations, rows):
    return {side: of_side.within(rows) for side, of_side in deviations.items()}
