"""Tables of ids, and what tests of encoders say of them in a word."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st

BIG = 2**53  # from here on, float64 cannot tell an integer from the next
NAN = float("nan")
DAY = datetime.datetime(2024, 5, 1)
NIGHT = datetime.datetime(2024, 5, 2, 3, 4, 5)

# Tables with and without names in one test.
other_names = pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
law = settings(derandomize=True, database=None, deadline=None, max_examples=100)
ANY_ID = st.one_of(
    st.none(),
    st.just(NAN),
    st.integers(-3, 3),
    st.integers(-(2**65), 2**65),
    st.sampled_from([BIG, BIG + 1, -BIG, 2**63, 2**63 - 1, 2**64 - 1]),
    st.sampled_from([0.5, 1.0, float(BIG), 2.0**63]),
    st.text("ab1", max_size=2),
)
NUMBERS = st.lists(
    st.one_of(st.integers(-3, 3), st.integers(2**62, 2**65), st.sampled_from([0.5, 1.0, BIG + 0.0, NAN]))
)
TEXTS_OR_NONE = st.lists(st.none() | st.text(max_size=3))
MIXED = st.lists(ANY_ID).map(lambda ids: [0, "0", *ids])


def rows(*ids):
    """A table of one column of anything."""
    table = np.empty((len(ids), 1), dtype=object)
    table[:, 0] = np.fromiter(ids, dtype=object, count=len(ids))
    return table


def frame(values, dtype=None):
    return pd.DataFrame({"id": pd.Series(values, dtype=dtype)})


def arrow_frame(values, type_=None):
    return pa.table({"id": pa.array(values, type=type_)}).to_pandas(types_mapper=pd.ArrowDtype)


def as_pandas(table):
    """A table of any library as a DataFrame of pandas."""
    return table if isinstance(table, pd.DataFrame) else table.to_pandas()


def codes_of(encoder, X):
    return encoder.transform(X)[:, 0].tolist()


def ids_of(encoder):
    return encoder.categories_[0].tolist()
