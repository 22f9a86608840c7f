"""Large tables are predicted in parts: the same ratings, one warning, whatever the type of the table."""

import warnings

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from sklearn_ncf.encoding import chunks_of
from sklearn_ncf.storage import _large

TABLES = {
    "pandas": lambda frame: frame,
    "pandas strings": lambda frame: frame.astype(str),
    "numpy": lambda frame: frame.to_numpy(),
    "lists": lambda frame: frame.to_numpy().tolist(),
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


@pytest.mark.parametrize("kind", TABLES)
def test_parts_are_predicted_as_the_whole(monkeypatch, quick, ratings, kind):
    X, y = ratings
    X = TABLES[kind](X)
    model = quick().fit(X, y)
    whole = model.predict(X)
    monkeypatch.setattr(_large, "ROWS_CHUNK_SIZE", 300)
    assert len(list(chunks_of(X, 300))) == 7
    np.testing.assert_allclose(model.predict(X), whole, rtol=1e-6)


@pytest.mark.parametrize("kind", TABLES)
def test_parts_have_all_rows_in_order(ratings, kind):
    X = ratings[0]
    table = TABLES[kind](X)
    parts = [np.asarray(part) for part in chunks_of(table, 700)]
    assert [len(part) for part in parts] == [700, 700, 600]
    np.testing.assert_array_equal(np.concatenate(parts), np.asarray(table))


def test_unknown_ids_are_counted_over_all_parts(monkeypatch, quick, ratings):
    X, y = ratings
    model = quick().fit(X, y)
    asked = X.copy()
    asked.loc[asked.index[-400:], "user"] = -5  # all of the last part, a fifth of the whole
    monkeypatch.setattr(_large, "ROWS_CHUNK_SIZE", 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(asked)
    asked.loc[asked.index[:1000], "user"] = -6
    with pytest.warns(UserWarning, match="70% of the rows of column 'user'") as caught:
        model.predict(asked)
    assert len(caught) == 1
    assert caught[0].filename == __file__
