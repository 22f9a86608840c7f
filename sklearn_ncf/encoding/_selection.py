"""Some rows or columns of a table, as a table of the same type."""

import numpy as np
import pandas as pd

from sklearn_ncf._sklearn_compat import safe_indexing
from sklearn_ncf.encoding._containers import narwhals_frame
from sklearn_ncf.storage import parts_of


def take_rows(X, rows):
    """The given rows of a table, as a table of the same type."""
    frame = narwhals_frame(X)
    return safe_indexing(X, rows) if frame is None else frame[rows].to_native()


def take_columns(X, columns):
    """The columns of a table with the given indices, in their order, as a table of the same type.

    A list of rows gives an array of objects.
    """
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, columns]
    frame = narwhals_frame(X)
    if frame is not None:
        return frame[:, columns].to_native()
    return (X if hasattr(X, "shape") else np.asarray(X, dtype=object))[:, columns]


def chunks_of(X, n_rows=None):
    """Yield a table in parts of at most `n_rows` rows (see `parts_of`), without a copy where its type allows it."""
    n_all = X.shape[0] if getattr(X, "shape", ()) else len(X) if isinstance(X, list | tuple) else 0
    parts = list(parts_of(n_all, n_rows))
    for rows in parts if len(parts) > 1 else ():
        yield take_rows(X, rows)
    if len(parts) <= 1:
        yield X
