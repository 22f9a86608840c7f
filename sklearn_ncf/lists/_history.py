"""Histories: what users have done since a fit, or without it, and what that says of them."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import assert_all_finite

from sklearn_ncf.encoding import MISSING, Vocabulary, as_local, as_numbers, read_table
from sklearn_ncf.fitting import Deviations, check_weight, further_users_of
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.lists._id_arguments import read_ids, take_ids
from sklearn_ncf.lists._pairs import IdPairs, read_pairs
from sklearn_ncf.nn import USER

RATING, WEIGHT = "rating", "weight"


class History(NamedTuple):
    """Rows of the argument `history`.

    pairs : raw ids of their users and items; rows : the same in codes, with what else the table says of them
    """

    pairs: IdPairs
    rows: Interactions

    def deviations(self, further_users, ids, users, codes, described=None):
        """The `Deviations` of rows of raw users, with these codes, who have a history or are `described`; None if none.

        ids : the `PipelineIdMapper`
        described : `Deviations` of the rows of unknown users with features, or None
        """
        places = Vocabulary(self.pairs.users.ids).codes(users)
        rows = np.flatnonzero(places != MISSING)
        if not len(rows):
            return described
        asked, first, of_rows = np.unique(places[rows], return_index=True, return_inverse=True)
        first = rows[first]
        number = np.full(len(self.pairs.users.ids), MISSING)
        number[asked] = np.arange(len(asked))
        owners = number[self.pairs.users.positions]
        is_asked = owners != MISSING
        values = further_users.solve(
            ids.mask_pooled(USER, codes[first]),
            codes[first],
            owners[is_asked],
            self.rows.take(is_asked),
            None if described is None else described.take(first),
        )
        found = Deviations(rows, values[of_rows.ravel()])
        return found if described is None else found.over(described)


def read_history(history, ids):
    """The argument `history` as a `History`; `ids` is the `PipelineIdMapper`."""
    learns_ratings = ids.fitted.learns_ratings
    pairs = read_pairs(history, ids, "history", further=(RATING, WEIGHT) if learns_ratings else (WEIGHT,))
    of_fit = {ids.name_of(place) for place in range(ids.n_all_columns)}
    others = {name: column for name, column in pairs.others.items() if name not in of_fit}
    weights = others.pop(WEIGHT, None)
    targets = np.ones(len(pairs.users.positions))
    if learns_ratings:
        name = RATING if RATING in others or len(others) != 1 else next(iter(others))
        if name not in others:
            raise ValueError(
                f"history must have a column {RATING!r} behind {ids.names[:2]}, since the model has learned from "
                f"ratings; got the columns {[*ids.names[:2], *others]}."
            )
        targets = ids.targets(check_finite(others[name], name))
    columns = [pairs.users, pairs.items]
    columns += [read_ids(pairs.others[name], "history") if name in pairs.others else None for name in ids.names[2:]]
    codes = np.full((len(targets), ids.n_columns), MISSING, dtype=np.int64)
    for j, column in enumerate(columns):
        if column is not None:
            codes[:, j] = ids.codes_of(j, column.ids)[column.positions]
    if weights is not None:
        weights = check_weight(as_numbers(weights, WEIGHT, "weights"), targets, keeps_scale=True)
    return History(pairs, Interactions(codes, targets, weights))


def check_finite(ratings, name):
    """Ratings of the argument `name` as float64 of shape (n_ratings,)."""
    ratings = column_or_1d(as_numbers(ratings, name, "ratings"), dtype=np.float64)
    assert_all_finite(ratings, input_name=name)
    return ratings


def predict_with_history(ids, X, history, further_users=None):
    """Scores of a table's rows, as `predict` gives them, of users with a history; `ids` is the `PipelineIdMapper`."""
    further_users = further_users or further_users_of(ids.estimator)
    X, told = as_local(X, "X"), read_history(history, ids)
    codes, deviations = ids.encoded(X)
    (users,) = read_table(ids.id_table(X), estimator=None, only=[USER])[1]
    users = take_ids(users, users.positions)
    own = told.deviations(further_users, ids, users, codes[:, USER], deviations.get(USER))
    return ids.scores_of(codes, deviations if own is None else deviations | {USER: own})
