"""From a table to the rows of codes that a network reads."""

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ncf._columns import MISSING, chunks_of, read_table
from sklearn_ncf._large import is_large, is_mapped, let_go, mixed, parts_of
from sklearn_ncf.nn import N_SPECIAL
from sklearn_ncf.nn._network import tells_missing_apart


def codes_of(encoder, columns, module):
    """Codes of columns, and an `UnknownIds` for each.

    -1 stands for unknown ids, -2 for missing ones, which networks see as -1 too unless they tell them apart.
    """
    columns = list(columns)
    codes, unknown = encoder._codes_of(columns)
    if tells_missing_apart(module):
        for j, column in enumerate(columns):
            codes[column.positions == MISSING, j] = -N_SPECIAL
    return codes, unknown


def split_rows(part, validation_fraction, seed):
    """Codes, targets and weights of the training and of the validation set, drawn at random."""
    n_rows = len(part[0])
    if n_rows < 2:
        raise ValueError(
            f"early_stopping=True needs rows to hold out, but there are n_samples={n_rows}; pass X_val and y_val "
            "or use early_stopping=False."
        )
    rows = train_test_split(np.arange(n_rows), test_size=validation_fraction, random_state=seed)
    return [[None if array is None else array[part_rows] for array in part] for part_rows in rows]


def learn_rows(encoder, X, y, sample_weight, *, module, goes_on):
    """Codes, ratings and weights of rows, whose ids the encoder learns, anew unless the training `goes_on`.

    Many rows are mixed, and lie on disk where the table or the ratings do.
    """
    n_rows = len(y)
    if not is_large(n_rows):
        codes, _ = codes_of(encoder, encoder._learn(X, reset=not goes_on), module)
        return codes, y, sample_weight
    if goes_on:
        encoder._learn(X, reset=False)
    else:
        encoder._learn_in_parts(X)

    def parts():
        for table, rows in zip(chunks_of(X), parts_of(n_rows), strict=True):
            codes, _ = codes_of(encoder, read_table(table, estimator=encoder)[1], module)
            yield codes, y[rows], None if sample_weight is None else sample_weight[rows]
            let_go(X, y)

    weighted, on_disk = sample_weight is not None, is_mapped(X) or is_mapped(y)
    return mixed(parts(), n_rows, encoder.n_features_in_, weighted=weighted, on_disk=on_disk)
