"""What the `fit` of an estimator has seen, as far as it or its user tells."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_ncf.encoding import MISSING, Vocabulary, as_local, as_objects, kinds_of, read_table
from sklearn_ncf.lists import names_of, read_ids
from sklearn_ncf.nn import ITEM, USER


class FitRecord(NamedTuple):
    """Interactions of a `fit`, and items that are candidates.

    pairs : columns of the users and of the items, or none
    catalog : a column of the candidates, or None where these are the items of the pairs
    table : a table of the pairs, which may be all rows that were split, those to score among them; or None
    """

    pairs: tuple
    catalog: Any = None
    table: Any = None

    @classmethod
    def of(cls, model, seen, header):
        """What a model keeps in `items_` and `seen_`, or else the table `seen`, in columns like those of `header`."""
        if _keeps_record(model):
            pairs = read_table(model.seen_, estimator=None, only=[USER, ITEM])[1] if hasattr(model, "seen_") else ()
            catalog = read_ids(as_objects(list(model.items_)), "items_") if hasattr(model, "items_") else None
            return cls(tuple(pairs), catalog)
        if seen is None:
            raise ValueError(
                f"{type(model).__name__} does not tell which items and interactions its fit has seen. Pass them to "
                "RankingScorer as seen=: the training set, or in cross-validation all rows."
            )
        table = as_local(seen, "seen")
        places = places_like(header, table, [USER, ITEM])
        return cls(tuple(read_table(table, estimator=None, only=places)[1]), table=table)

    def encoded(self, users, items):
        """Codes of columns of users and items to score, pairs of codes of `fit`, candidates, and the items' ids."""
        seen_users, seen_items = self.pairs or (None, None)
        of_users = _vocabulary("user", users, seen_users)
        of_items = _vocabulary("item", items, seen_items, self.catalog)
        codes = np.stack([_codes(of_users, users), _codes(of_items, items)], axis=1)
        pairs = np.empty((0, 2), dtype=np.intp)
        if self.pairs:
            pairs = np.stack([_codes(of_users, seen_users), _codes(of_items, seen_items)], axis=1)
        if self.table is not None:
            pairs = _without_rows(pairs, codes)
        candidates = np.sort(pd.unique(pairs[:, ITEM] if self.catalog is None else _codes(of_items, self.catalog)))
        return codes, pairs[(pairs != MISSING).all(axis=1)], candidates[candidates != MISSING], of_items.ids

    def item_codes(self, item_ids):
        """The place of the item of each row of `table` among ids."""
        return _codes(Vocabulary(item_ids), self.pairs[ITEM])


def recording_model(model, X):
    """The estimator in a search or at the end of a Pipeline that keeps what it has seen, and the table that it gets."""
    inner = model
    while hasattr(inner, "best_estimator_") or isinstance(inner, FrozenEstimator):
        inner = inner.estimator if isinstance(inner, FrozenEstimator) else inner.best_estimator_
    if isinstance(inner, Pipeline) and _keeps_record(inner[-1]):
        return inner[-1], inner[:-1].transform(X) if len(inner) > 1 else X
    return (inner if _keeps_record(inner) else model), X


def places_like(header, table, columns):
    """Where columns of the table with this `header` stand in `table`: by their names, if both have names."""
    names, given = names_of(header), names_of(table)
    if names is None or given is None:
        return columns
    absent = [names[column] for column in columns if names[column] not in given]
    if absent:
        raise ValueError(f"seen must have the columns {[names[j] for j in columns]}; {absent[0]!r} is missing.")
    return [given.index(names[column]) for column in columns]


def _keeps_record(model):
    return hasattr(model, "items_") or hasattr(model, "seen_")


def _vocabulary(side, column, *known):
    """The ids of `fit`, and then those that a column has besides."""
    vocabulary = Vocabulary()
    for of_fit in known:
        vocabulary = vocabulary if of_fit is None else vocabulary.joined(of_fit)
    kinds = set(kinds_of(column.ids))
    if kinds and vocabulary.kinds and not kinds & set(vocabulary.kinds):
        raise ValueError(
            f"The {side} ids of X ({', '.join(sorted(kinds))}) are of another type than those of fit or of seen "
            f"({', '.join(sorted(vocabulary.kinds))}); convert them."
        )
    return vocabulary.joined(column)


def _codes(vocabulary, column):
    return np.append(vocabulary.codes(column.ids), MISSING)[column.positions]


def _without_rows(pairs, rows):
    """Pairs but for the `rows`, if all of these are among them; all pairs otherwise."""
    both = np.concatenate([pairs, rows]) - MISSING  # from 0
    _, numbers = np.unique(both[:, USER] * (both[:, ITEM].max() + 1) + both[:, ITEM], return_inverse=True)
    n_further = np.bincount(numbers[: len(pairs)], minlength=numbers.max() + 1)
    n_further -= np.bincount(numbers[len(pairs) :], minlength=len(n_further))
    return pairs if (n_further < 0).any() else pairs[n_further[numbers[: len(pairs)]] > 0]
