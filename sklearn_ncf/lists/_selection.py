"""Selection: which candidates each query may be recommended."""

import numpy as np

SPARSE = 1 / 30  # share of the grid of queries and candidates, below which these are scored pair by pair
NO_PAIRS = tuple(np.empty((2, 0), dtype=np.intp))


class Selection:
    """Scores of queries with the candidates that each of them may be recommended, for `best_lists`.

    Parameters
    ----------
    n_queries, n_candidates : int
    allowed : (rows, columns), or None
        Pairs of queries and candidates, each once, the rows rising; None are all pairs.
    hidden : sequence of (rows, columns)
        Pairs that are left out.
    hidden_columns : int array
        Candidates that are left out for all queries.
    seen : function from a slice of the queries to (rows, columns) in it, or None
        Further pairs that are left out.
    """

    def __init__(self, n_queries, n_candidates, *, allowed=None, hidden=(), hidden_columns=(), seen=None):
        self.n_queries, self.n_candidates = n_queries, n_candidates
        self.allowed, self.seen = allowed, seen
        rows, columns = map(np.concatenate, zip(NO_PAIRS, *hidden, strict=True))
        order = np.argsort(rows, kind="stable")
        self._hidden = rows[order], columns[order]
        self._hidden_columns = np.asarray(hidden_columns, dtype=np.intp)

    @property
    def is_sparse(self):
        """Whether scoring pair by pair, by `of_pairs`, is faster than scoring the grid, by `of_grid`."""
        return self.allowed is not None and len(self.allowed[0]) < SPARSE * self.n_queries * self.n_candidates

    @property
    def width(self):
        """Of the arrays of scores."""
        return int(np.bincount(self.allowed[0]).max(initial=0)) if self.is_sparse else self.n_candidates

    def of_grid(self, score):
        """Scores of a slice of the queries with all candidates, from a function that gives these."""

        def scores_of(rows):
            scores = score(rows)
            scores[:, self._hidden_columns] = -np.inf
            scores[self._left_out(rows)] = -np.inf
            if self.allowed is not None:
                others = np.ones(scores.shape, dtype=bool)
                others[_within(self.allowed, rows)] = False
                scores[others] = -np.inf
            return scores, None

        return scores_of

    def of_pairs(self, score):
        """The same with the allowed pairs alone, from a function of their rows and columns."""

        def scores_of(rows):
            own, columns = _within(self.allowed, rows)
            scores = score(own + rows.start, columns)
            left_out = np.isin(columns, self._hidden_columns)
            hidden, hidden_columns = self._left_out(rows)
            left_out |= np.isin(own * self.n_candidates + columns, hidden * self.n_candidates + hidden_columns)
            scores[left_out] = -np.inf
            places = np.arange(len(own)) - np.searchsorted(own, own)
            shape = rows.stop - rows.start, places.max(initial=-1) + 1
            grid, candidates = np.full(shape, -np.inf, dtype=scores.dtype), np.zeros(shape, dtype=np.intp)
            grid[own, places], candidates[own, places] = scores, columns
            return grid, candidates

        return scores_of

    def _left_out(self, rows):
        parts = [_within(self._hidden, rows), *([] if self.seen is None else [self.seen(rows)])]
        return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _within(pairs, rows):
    """Pairs whose rows, which rise, lie in a slice, counted from its start."""
    first, last = np.searchsorted(pairs[0], [rows.start, rows.stop])
    return pairs[0][first:last] - rows.start, pairs[1][first:last]
