"""The best columns of each row, and how good a ranking is: arrays alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

BLOCK_SIZE = 256  # columns, whose largest scores say where the best ones may be
SCORES_CHUNK_SIZE = 4_000_000  # bounds the memory beside a result


def best_columns(scores, n_best, *, last=None):
    """Rows, columns and ranks of the best finite scores of each row.

    Among equal scores those with the least value of `last`, an array like `scores`, come first, then the first column.
    """
    n_best = min(n_best, scores.shape[1])
    if not n_best:
        return tuple(np.empty((3, 0), dtype=np.intp))
    # in one dimension, where numpy finds few places among many faster
    rows, columns = divmod(np.flatnonzero(scores >= _at_most_least(scores, n_best)[:, None]), scores.shape[1])
    best = scores[rows, columns]
    is_finite = best > -np.inf
    if not is_finite.all():
        rows, columns, best = rows[is_finite], columns[is_finite], best[is_finite]
    ties = () if last is None else (last[rows, columns],)
    order = np.lexsort((columns, *ties, -best, rows))
    rows, columns = rows[order], columns[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    kept = ranks <= n_best
    return rows[kept], columns[kept], ranks[kept]


@dataclass(frozen=True)
class BestOfLists:
    """The best columns of each row of scores, and what of them is relevant; ties count against the model.

    rows, columns, ranks : of the columns, row by row, the best first; those that are taken out are not among them
    gains : the relevance of each
    relevance : ndarray of shape (n_rows, n_columns)
    k : how many columns of a row there are at most
    """

    rows: np.ndarray
    columns: np.ndarray
    ranks: np.ndarray
    gains: np.ndarray
    relevance: np.ndarray
    k: int

    @classmethod
    def of(cls, relevance, scores, k):
        """The `k` best columns of each row."""
        rows, columns, ranks = best_columns(scores, k, last=relevance)
        return cls(rows, columns, ranks, relevance[rows, columns], relevance, k)

    @property
    def n_rows(self):
        """How many rows there are, those without any column too."""
        return len(self.relevance)

    @cached_property
    def n_relevant(self):
        """How many relevant columns each row has, at least 1."""
        return np.maximum((self.relevance > 0).sum(axis=1), 1)

    @cached_property
    def largest(self):
        """The largest relevances of each row, at most `k`, in descending order."""
        k = min(self.k, self.relevance.shape[1])
        return -np.sort(np.partition(-self.relevance, k - 1, axis=1)[:, :k], axis=1)

    def hits(self, k):
        """Rows and ranks of the relevant columns among the `k` best."""
        are_hits = (self.gains > 0) & (self.ranks <= k)
        return self.rows[are_hits], self.ranks[are_hits]


def hit_rates(best, k):
    """Of each row, whether one of the `k` best columns is relevant."""
    hits = np.zeros(best.n_rows)
    hits[best.hits(k)[0]] = 1
    return hits


def precisions(best, k):
    """Of each row, how many of the `k` best columns are relevant, as a share of `k`."""
    return np.bincount(best.hits(k)[0], minlength=best.n_rows) / k


def recalls(best, k):
    """Of each row, the share of the relevant columns that is among the `k` best."""
    return np.bincount(best.hits(k)[0], minlength=best.n_rows) / best.n_relevant


def reciprocal_ranks(best, k):
    """Of each row, the inverse of the rank of the best relevant column, 0 where it is not among the `k` best."""
    rows, ranks = best.hits(k)
    inverse = np.zeros(best.n_rows)
    np.maximum.at(inverse, rows, 1 / ranks)
    return inverse


def average_precisions(best, k):
    """Of each row, the sum of the precisions at its hits among the `k` best, over the number of relevant columns."""
    rows, ranks = best.hits(k)
    n_hits = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    return np.bincount(rows, weights=n_hits / ranks, minlength=best.n_rows) / best.n_relevant


def ndcgs(best, k):
    """Of each row, the discounted gain of the `k` best columns, as a share of the largest possible one."""
    within = best.ranks <= k
    gains = best.gains[within] / np.log2(best.ranks[within] + 1)
    found = np.bincount(best.rows[within], weights=gains, minlength=best.n_rows)
    largest = best.largest[:, :k]
    ideal = largest @ (1 / np.log2(np.arange(largest.shape[1]) + 2))
    return np.divide(found, ideal, out=np.zeros(best.n_rows), where=ideal > 0)


METRICS = {
    "average_precision": average_precisions,
    "hit_rate": hit_rates,
    "ndcg": ndcgs,
    "precision": precisions,
    "recall": recalls,
    "reciprocal_rank": reciprocal_ranks,
}


class Rankings(NamedTuple):
    """Rankings of all candidates, one per query, and where the positives are in them.

    scorer : function from a slice of the queries to their scores with each candidate
    seen : function from a slice of the queries to the rows and columns, of this block, that are not to be recommended;
        a positive among them is no positive
    n_candidates : how many there are
    owners, columns : which query each positive belongs to, and which candidate it is
    n_missed : how many further positives of each query are no candidates, so that none of these is found
    """

    scorer: Callable
    seen: Callable
    n_candidates: int
    owners: np.ndarray
    columns: np.ndarray
    n_missed: np.ndarray

    def blocks(self, k):
        """The `k` best candidates, a block of queries at a time: their slice, `BestOfLists`, and who has a positive."""
        n_missed = self.n_missed
        order = np.argsort(self.owners, kind="stable")
        owners, columns = self.owners[order], self.columns[order]
        rows_at_once = max(1, SCORES_CHUNK_SIZE // self.n_candidates)
        for start in range(0, len(n_missed), rows_at_once):
            stop = min(start + rows_at_once, len(n_missed))
            scores = self.scorer(slice(start, stop))
            scores[self.seen(slice(start, stop))] = -np.inf
            relevance = np.zeros(scores.shape, dtype=np.float32)
            positives = slice(*np.searchsorted(owners, [start, stop]))
            relevance[owners[positives] - start, columns[positives]] = 1
            relevance[scores == -np.inf] = 0
            if n_missed[start:stop].any():
                missed = np.arange(n_missed[start:stop].max()) < n_missed[start:stop, None]
                relevance = np.hstack([relevance, missed.astype(np.float32)])
                scores = np.hstack([scores, np.full(missed.shape, -np.inf, dtype=np.float32)])
            yield slice(start, stop), BestOfLists.of(relevance, scores, k), relevance.any(axis=1)


def best_of_row(scores, n_best):
    """Columns of the best finite scores of one row, as `best_columns` finds them."""
    n_best = min(n_best, len(scores))
    if not n_best:
        return np.empty(0, dtype=np.intp)
    columns = np.flatnonzero(scores >= _at_most_least(scores[None], n_best))
    best = scores[columns]
    order = np.argsort(-best, kind="stable")[:n_best]
    return columns[order[best[order] > -np.inf]]


def _at_most_least(scores, n_best):
    """A number for each row that `n_best` scores or more, and few others, are not below.

    In a long row that is the least of the `n_best` largest maxima of blocks of columns, which takes one pass.
    """
    n_rows, n_columns = scores.shape
    n_blocks = n_columns // BLOCK_SIZE
    if n_blocks > n_best:
        of_row, of_column = scores.strides
        shape = n_rows, n_blocks, BLOCK_SIZE
        maxima = as_strided(scores, shape, (of_row, of_column * BLOCK_SIZE, of_column), writeable=False).max(axis=2)
        least = np.partition(maxima, -n_best, axis=1)[:, -n_best]
        if (least > -np.inf).all():
            return least
    return np.partition(scores, -n_best, axis=1)[:, -n_best]


def places_among(items, codes):
    """The place of each code among sorted items, and which of the codes are there."""
    places = np.searchsorted(items, codes).clip(max=len(items) - 1)
    return places, items[places] == codes
