"""The best columns of each row, and how good a ranking is: arrays alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SCORES_CHUNK_SIZE = 4_000_000  # bounds the memory beside a result


def best_columns(scores, n_best, *, last=None):
    """Rows, columns and ranks of the best finite scores of each row.

    Among equal scores those with the least value of `last`, an array like `scores`, come first, then the first column.
    """
    n_best = min(n_best, scores.shape[1])
    if not n_best:
        return tuple(np.empty((3, 0), dtype=np.intp))
    least = np.partition(scores, -n_best, axis=1)[:, -n_best]
    rows, columns = np.nonzero((scores >= least[:, None]) & (scores > -np.inf))
    ties = () if last is None else (last[rows, columns],)
    order = np.lexsort((columns, *ties, -scores[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    kept = ranks <= n_best
    return rows[kept], columns[kept], ranks[kept]


def hit_rates(relevance, scores, k):
    """Of each row, whether one of the `k` best columns is relevant."""
    rows, _, gains = _best_relevant(relevance, scores, k)
    hits = np.zeros(len(scores))
    hits[rows[gains > 0]] = 1
    return hits


def recalls(relevance, scores, k):
    """Of each row, the share of the relevant columns that is among the `k` best."""
    rows, _, gains = _best_relevant(relevance, scores, k)
    found = np.bincount(rows[gains > 0], minlength=len(scores))
    return found / np.maximum((relevance > 0).sum(axis=1), 1)


def reciprocal_ranks(relevance, scores, k):
    """Of each row, the inverse of the rank of the best relevant column, 0 where it is not among the `k` best."""
    rows, ranks, gains = _best_relevant(relevance, scores, k)
    inverse = np.zeros(len(scores))
    np.maximum.at(inverse, rows[gains > 0], 1 / ranks[gains > 0])
    return inverse


def ndcgs(relevance, scores, k):
    """Of each row, the discounted gain of the `k` best columns, as a share of the largest possible one."""
    rows, ranks, gains = _best_relevant(relevance, scores, k)
    found = np.bincount(rows, weights=gains / np.log2(ranks + 1), minlength=len(scores))
    k = min(k, relevance.shape[1])
    ideal = -np.sort(np.partition(-relevance, k - 1, axis=1)[:, :k], axis=1) @ (1 / np.log2(np.arange(k) + 2))
    return np.divide(found, ideal, out=np.zeros(len(scores)), where=ideal > 0)


METRICS = {"hit_rate": hit_rates, "ndcg": ndcgs, "recall": recalls, "reciprocal_rank": reciprocal_ranks}


def _best_relevant(relevance, scores, k):
    """Rows, ranks and relevance of the `k` best columns of each row; ties count against the model."""
    rows, columns, ranks = best_columns(scores, k, last=relevance)
    return rows, ranks, relevance[rows, columns]


class Rankings(NamedTuple):
    """Rankings of all candidates, one per query, and where the positives are in them.

    scorer : function from a slice of the queries to their scores with each candidate
    n_candidates : how many there are
    queries : codes of queries
    owners, columns : which query each positive belongs to, and which candidate it is
    seen : function from codes of queries to the rows and columns, of a block, that are not to be recommended; a
        positive among them is no positive
    n_missed : how many further positives of each query are no candidates, so that none of these is found
    """

    scorer: Callable
    n_candidates: int
    queries: np.ndarray
    owners: np.ndarray
    columns: np.ndarray
    seen: Callable
    n_missed: np.ndarray

    def values(self, metric, k):
        """A metric of each query's ranking, a block of queries at a time, and for which queries it is defined."""
        queries, n_missed = self.queries, self.n_missed
        values, ranked = np.zeros(len(queries)), np.zeros(len(queries), dtype=bool)
        order = np.argsort(self.owners, kind="stable")
        owners, columns = self.owners[order], self.columns[order]
        rows_at_once = max(1, SCORES_CHUNK_SIZE // self.n_candidates)
        for start in range(0, len(queries), rows_at_once):
            stop = min(start + rows_at_once, len(queries))
            scores = self.scorer(slice(start, stop))
            scores[self.seen(queries[start:stop])] = -np.inf
            relevance = np.zeros(scores.shape, dtype=np.float32)
            positives = slice(*np.searchsorted(owners, [start, stop]))
            relevance[owners[positives] - start, columns[positives]] = 1
            relevance[scores == -np.inf] = 0
            if n_missed[start:stop].any():
                missed = np.arange(n_missed[start:stop].max()) < n_missed[start:stop, None]
                relevance = np.hstack([relevance, missed.astype(np.float32)])
                scores = np.hstack([scores, np.full(missed.shape, -np.inf, dtype=np.float32)])
            values[start:stop], ranked[start:stop] = metric(relevance, scores, k), relevance.any(axis=1)
        return values, ranked


def places_among(items, codes):
    """The place of each code among sorted items, and which of the codes are there."""
    places = np.searchsorted(items, codes).clip(max=len(items) - 1)
    return places, items[places] == codes
