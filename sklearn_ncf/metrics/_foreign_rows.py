"""Rows to score with any estimator that has `predict`, by its predictions for pairs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d

from sklearn_ncf.encoding import as_numbers, find_columns, read_table
from sklearn_ncf.interactions import Seen
from sklearn_ncf.metrics._fit_record import FitRecord, places_like, recording_model
from sklearn_ncf.metrics._pair_tables import PairTables
from sklearn_ncf.nn import ITEM, USER

PAIRS_CHUNK_SIZE = 100_000  # bounds the tables that `predict` gets


@dataclass(frozen=True)
class ForeignRows:
    """Rows to score, and what it takes to rank them.

    model : the estimator
    tables : tables of pairs for its `predict`
    numbers : ndarray of shape (n_rows,), of the rows in the table that was given
    codes : ndarray of shape (n_rows, 2), users and items among those of the table and of `fit`, -1 where one is missing
    distinct : ndarray of shape (n_rows, n_columns), numbers that tell ids apart, without columns that describe items
    items : codes of the candidates, sorted
    seen : the interactions of `fit`
    """

    model: Any
    tables: PairTables
    numbers: np.ndarray
    codes: np.ndarray
    distinct: np.ndarray
    items: np.ndarray
    seen: Seen

    @classmethod
    def of(cls, model, X, seen, item_features):
        """Rows of a table that has users in its first column and items in its second one.

        `seen` is a table of the interactions of `fit`, for a model that does not keep them; `item_features` names the
        further columns that describe items.
        """
        model, table = recording_model(model, X)
        if isinstance(model, type) or not hasattr(model, "predict"):
            raise TypeError(f"RankingScorer needs a fitted estimator with predict; got {type(model).__name__}.")
        header, columns = read_table(table, estimator=None, min_columns=2, only=[USER, ITEM])
        record = FitRecord.of(model, seen, header)
        codes, pairs, items, item_ids = record.encoded(*columns)
        of_items = [ITEM, *find_columns(item_features, header, "item_features")]
        sources = [(table, of_items[1:], codes[:, ITEM])]
        if len(of_items) > 1 and record.table is not None:
            sources.append((record.table, places_like(header, record.table, of_items[1:]), record.item_codes(item_ids)))
        return cls(
            model=model,
            tables=PairTables.of(table, of_items, item_ids, sources),
            numbers=np.arange(len(codes)),
            codes=codes,
            distinct=_distinct_ids(X, table, of_items[1:]),
            items=items,
            seen=Seen().with_held_out(pairs),
        )

    def take(self, rows):
        """Some of the rows, by their numbers."""
        return replace(self, numbers=self.numbers[rows], codes=self.codes[rows], distinct=self.distinct[rows])

    def own_codes(self, column, codes):
        """The codes of a column, each of one id."""
        return codes

    def grid_scorer(self, queries, candidates, of_candidates):
        """A function from a slice of `queries`, rows that stand for them, to their scores with each candidate."""

        def scores_of_slice(block):
            rows = np.repeat(queries[block], len(candidates))
            return self.scores_of(rows, np.tile(candidates, len(queries[block]))).reshape(-1, len(candidates))

        return scores_of_slice

    def scores_of(self, rows, items, own=None):
        """Scores of rows with other items."""
        parts = [slice(start, start + PAIRS_CHUNK_SIZE) for start in range(0, len(rows), PAIRS_CHUNK_SIZE)]
        return np.concatenate(
            [self._predict(self.tables.pairs(self.numbers[rows[part]], items[part])) for part in parts]
        )

    def item_vectors(self, candidates, of_candidates):
        """Refuse: no vectors are known."""
        raise ValueError(
            f"The metric 'diversity' compares vectors of items, but {type(self.model).__name__} has none. Use "
            "sklearn_ncf.metrics.intra_list_diversity, which takes vectors."
        )

    def _predict(self, table):
        scores = column_or_1d(as_numbers(self.model.predict(table), "predictions")).astype(np.float64)
        if np.isnan(scores).any():
            raise ValueError(f"{type(self.model).__name__} predicts NaN for some pairs, which cannot be ranked.")
        return scores


def _distinct_ids(X, table, item_features):
    """Numbers that tell apart the ids of `X`, or, where it has other columns than the model's `table`, of that."""
    n_columns = read_table(table, estimator=None, only=[])[0].shape[1]
    X = X if read_table(X, estimator=None, only=[])[0].shape[1] == n_columns else table
    columns = read_table(X, estimator=None, only=[j for j in range(n_columns) if j not in item_features])[1]
    return np.stack([column.positions for column in columns], axis=1)
