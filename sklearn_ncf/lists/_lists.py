"""Lists: the best candidates of each query, and the table of them."""

from contextlib import nullcontext

import numpy as np
import pandas as pd

from sklearn_ncf._progress import progress_bar
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.encoding import take_as_series
from sklearn_ncf.lists._ranking import SCORES_CHUNK_SIZE, best_columns


def best_lists(score, n_queries, width, n_items, of, verbose=0):
    """Rows, columns, ranks and scores of the best candidates of each query, a block of queries at a time.

    `score` is a function from a slice of the queries to an array of their scores with `width` candidates at most, and
    which candidates these are, an array of the same shape, or None where they are all candidates.
    """
    rows_at_once = max(1, SCORES_CHUNK_SIZE // max(1, width))
    lists = [(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.float32))]
    shown = progress_bar(total=n_queries, unit=f" {of}", desc="recommend") if verbose else nullcontext()
    with shown as bar:
        for start in range(0, n_queries if width else 0, rows_at_once):
            scores, candidates = score(slice(start, min(start + rows_at_once, n_queries)))
            rows, columns, ranks = best_columns(scores, n_items)
            found = columns if candidates is None else candidates[rows, columns]
            lists.append((rows + start, found, ranks, scores[rows, columns]))
            if bar is not None:
                bar.update(len(scores))
    rows, columns, ranks, scores = map(np.concatenate, zip(*lists, strict=True))
    lengths = np.bincount(rows, minlength=n_queries)
    short = lengths < n_items
    if short.any():
        warn_caller(
            f"n_items={n_items}, but for {short.sum()} of {n_queries} {of} there are fewer items, as few as "
            f"{lengths.min()}; these get what there is."
        )
    return rows, columns, ranks, scores


def as_frame(queries, rows, item, candidates, columns, ranks, scores):
    """The lists as a table of raw ids: of queries by row and of candidates by column."""
    named = {name: take_as_series(ids, rows) for name, ids in queries.items()}
    named |= {item: take_as_series(candidates, columns), "rank": ranks, "score": scores}
    if len(named) < len(queries) + 3:
        raise ValueError(f"Columns of fit must not be named 'rank' or 'score', and differ; got {[*queries, item]}.")
    return pd.DataFrame(named)
