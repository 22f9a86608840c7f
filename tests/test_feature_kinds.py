"""What a column of features is taken for, from what it holds."""

import datetime
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from sklearn_ncf import NCFRegressor, recommend
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.features import Block, Categories, Description, Numbers, ValueLists

DAYS = [datetime.date(2020, 1, day) for day in range(1, 9)]
COLUMNS = {
    "floats": ([0.5, 1.0, None], Numbers),
    "dates": (DAYS, Numbers),
    "datetimes": (pd.to_datetime(DAYS), Numbers),
    "times of a zone": (pd.to_datetime(DAYS).tz_localize("Europe/Berlin"), Numbers),
    "durations": (pd.to_timedelta(range(8), unit="h"), Numbers),
    "integers among floats": (pd.Series([1, 2.5, None], dtype=object), Numbers),
    "fractions": (pd.Series([Fraction(1, 2), 2, 3], dtype=object), Numbers),
    "integers": ([1, 2, 3], Categories),
    "objects that are integers": (pd.Series([1, 2, None], dtype=object), Categories),
    "booleans": ([True, False], Categories),
    "strings": (["a", None, "b"], Categories),
    "floats as categories": (pd.Series([0.5, 1.5]).astype("category"), Categories),
    "dates as categories": (pd.Series(DAYS).astype("category"), Categories),
    "lists of strings": ([["a"], ["a", "b"], []], ValueLists),
    "lists of integers": ([[1, 2], [3, 4]], ValueLists),
    "strings with separators": (["a|b", "b"], ValueLists),
    "lists of floats": ([[0.5, 1.0], [], [2.0, 3.0], None], Block),
    "arrays of floats": ([np.ones(2, np.float16), np.zeros(2)], Block),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_is_taken_for_what_it_holds(column):
    values, kind = COLUMNS[column]
    description = Description(pd.DataFrame({"feature": pd.Series(values)}), set(), "|")
    assert [type(found) for _, found in description.kinds] == [kind]


@pytest.mark.parametrize("column", ["integers", "booleans", "objects that are integers"])
def test_integers_that_are_named_are_numbers(column):
    frame = pd.DataFrame({"feature": pd.Series(COLUMNS[column][0])})
    assert [type(found) for _, found in Description(frame, {"feature"}, None).kinds] == [Numbers]


@pytest.mark.parametrize("form", [pd.Series, lambda days: pd.Series(days, dtype="date32[pyarrow]")])
def test_dates_are_the_numbers_that_their_times_are(form):
    times, dates = (Numbers("when", pd.Series(values)) for values in (pd.to_datetime(DAYS), form(DAYS)))
    np.testing.assert_array_equal(times.ends, dates.ends)
    np.testing.assert_array_equal(dates.read(form(DAYS)), times.read(pd.Series(pd.to_datetime(DAYS))))


def test_an_empty_list_in_a_block_is_a_missing_value():
    block = Block("vector", pd.Series([[0.5, 1.0], [], [2.0, 3.0]]))
    np.testing.assert_array_equal(block.missing(block.read(pd.Series([[], [1.0, 1.0], None]))), [True, False, True])


def test_more_than_32_numbers_are_one_block_in_which_units_do_not_matter():
    frame = pd.DataFrame(np.random.RandomState(0).randn(50, 40))
    scaled = Description(frame * np.arange(1, 41), set(), None).design(frame * np.arange(1, 41))
    np.testing.assert_allclose(scaled, Description(frame, set(), None).design(frame), rtol=1e-4, atol=1e-6)


def test_rare_categories_beyond_the_most_frequent_ones_count_as_missing(monkeypatch):
    monkeypatch.setattr("sklearn_ncf.features._kinds.MOST_VALUES", 2)
    kind = Categories("tag", pd.Series([*"aaabbcd"]))
    assert kind.vocabulary.ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(kind.missing(kind.read(pd.Series([*"abcd"]))), [False, False, True, True])


def test_a_table_of_new_items_is_refused_after_a_fit_that_has_seen_no_names():
    X, y = make_ratings(n_item_features=1, random_state=0)
    model = NCFRegressor(item_features=2, max_epochs=1).fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match="fit has seen no names of columns, by which features are found"):
        recommend(model, [1], 1, items=pd.DataFrame({"item": [1000.0], "feature": [0.5]}))
    assert recommend(model, [1], 1, items=pd.DataFrame({"item": [1.0, 1000.0]}), exclude_seen=False).shape == (1, 4)
