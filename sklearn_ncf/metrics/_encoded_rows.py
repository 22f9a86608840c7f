"""Rows to score with an estimator of sklearn_ncf, which knows the items and the interactions of `fit`."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_ncf.encoding import read_table
from sklearn_ncf.lists import PipelineIdMapper
from sklearn_ncf.nn import ITEM, USER


@dataclass(frozen=True)
class EncodedRows:
    """Rows to score, and what of the model it takes to rank them.

    ids : of the model
    codes : ndarray of shape (n_rows, n_columns), -1 where an id is unknown
    deviations : of unknown ids, by column
    distinct : ndarray of the shape of `codes`, numbers that tell apart also ids that the model does not know
    items : codes of the candidates, sorted
    """

    ids: PipelineIdMapper
    codes: np.ndarray
    deviations: dict
    distinct: np.ndarray
    items: np.ndarray

    @classmethod
    def of(cls, model, X):
        """Rows of a table in the columns of `fit`."""
        ids = PipelineIdMapper(model)
        codes, deviations = ids.encoded(X, warns=True)
        return cls(ids, codes, deviations, distinct_ids(ids.id_table(X)), ids.items(None)[1])

    def take(self, rows):
        """Some of the rows, by their numbers."""
        return replace(
            self,
            codes=self.codes[rows],
            deviations=_taken(self.deviations, rows),
            distinct=self.distinct[rows],
        )

    def own_codes(self, column, codes):
        """Codes of a column, -1 where one does not stand for one id alone."""
        return self.ids.mask_pooled(column, codes)

    def grid_scorer(self, queries, candidates, of_candidates):
        """A function from a slice of `queries`, rows that stand for them, to their scores with each candidate.

        `of_candidates` are the rows that unknown candidates come from, -1 for the others.
        """
        codes = np.delete(self.codes[queries], ITEM, axis=1)
        of_queries = _taken(self.deviations, queries, USER)
        return self.ids.grid_scorer(codes, of_queries, candidates, _taken(self.deviations, of_candidates, ITEM))

    def scores_of(self, rows, items, own):
        """Scores of rows with other items; `own` are the rows that unknown items come from, -1 for the others."""
        pairs = self.codes[rows]
        pairs[:, ITEM] = items
        return self.ids.scores_of(pairs, _taken(self.deviations, rows, USER) | _taken(self.deviations, own, ITEM))

    @property
    def seen(self):
        """The interactions of `fit`."""
        return self.ids.fitted.seen

    def item_vectors(self, candidates, of_candidates):
        """The vectors of the candidates."""
        try:
            vectors = self.ids.estimator.item_embeddings_
        except AttributeError as error:
            raise ValueError(f"The metric 'diversity' compares vectors of items, but {error}") from error
        if (candidates >= 0).all():
            return vectors[candidates]
        return self.ids.fitted.item_vectors(candidates, _taken(self.deviations, of_candidates, ITEM))


def distinct_ids(X):
    """The ids of a table as numbers that tell them apart, -1 where one is missing."""
    return np.stack([column.positions for column in read_table(X, estimator=None)[1]], axis=1)


def _taken(deviations, rows, *sides):
    """The deviations of some rows, -1 for none, by column; of some columns alone where these are given."""
    return {side: of_side.take(rows) for side, of_side in deviations.items() if not sides or side in sides}
