"""Columns that are most likely no ids: a date, a price, the target. They are learned as ids, with a warning."""

from itertools import islice

import numpy as np

from sklearn_ncf._encoder import vocabularies_of
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.encoding import as_table_name

FIRST_CONTEXT = 2  # column of ids, after users and items
FEW_ROWS = 100  # in which each value may well be another one
MANY_DATES = 50
MOST_OF_ROWS = 0.5  # distinct values, from which on few are met again


def warn_of_odd_columns(encoder, rows, roles):
    """Warn of context columns that hold fractions or dates, the target, or another value in most of the rows."""
    columns = zip(vocabularies_of(encoder), roles.ids, rows.codes.T, strict=True)
    for vocabulary, column, codes in islice(columns, FIRST_CONTEXT, None):
        ids = vocabulary.ids
        odd = _oddity(ids, vocabulary.common_kinds, len(rows))
        if odd is None and _tells_target(codes, rows.targets, len(ids)):
            odd = "the target itself"
        if odd is not None:
            warn_caller(
                f"{as_table_name(roles.names, column).capitalize()} holds {odd}, and is taken for a context of "
                f"{len(ids)} ids. If it describes the user or the item, name it in user_features or item_features; if "
                "it is a date, a price or the target, leave it out or put it into a few classes."
            )


def _oddity(ids, kinds, n_rows):
    if ids.dtype.kind == "f" and (ids != np.floor(ids)).any():
        return "fractional numbers"
    if kinds & {"datetime", "date"} and len(ids) > MANY_DATES:
        return "dates"
    if n_rows >= FEW_ROWS and len(ids) > MOST_OF_ROWS * n_rows:
        return f"{len(ids)} different values in {n_rows} rows"
    return None


def _tells_target(codes, targets, n_ids):
    """Whether each id stands for one target, and each target for one id."""
    if len(codes) < FEW_ROWS or not 1 < n_ids < MOST_OF_ROWS * len(codes):
        return False
    known = codes >= 0
    codes, targets = codes[known], targets[known]
    of_ids = np.zeros(n_ids, dtype=targets.dtype)
    of_ids[codes] = targets
    return bool((of_ids[codes] == targets).all()) and len(np.unique(of_ids)) == n_ids
