"""What MovieLens says of films and users stands in the rows of their ratings, missing where nothing is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from movielens_archives import RATINGS, USERS, VARIANTS, make_archive, make_folder, rating_lines, user_lines, zip_of
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ncf.datasets import _fetch_movielens, _movielens_files, fetch_movielens, load_movielens, read_movielens

USERS_FILES = {"100k": "u.user", "1m": "users.dat"}
ITEM_FEATURES = ["genres", "year"]
USER_FEATURES = ["gender", "age", "occupation"]
MISSING = "missing"


def to_lists(data):
    """Return the columns of a table as lists, in which a missing value is a string, whatever pandas calls it."""
    return {name: [MISSING if pd.isna(value) else value for value in data[name]] for name in data}


def fails(path, *parts):
    """Check that reading is an OSError whose message has all parts, with and without features."""
    for features in (True, False):
        with pytest.raises(OSError) as caught:  # noqa: PT011
            read_movielens(path, features=features)
        for part in parts:
            assert part in str(caught.value)


# read_movielens


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", ["archive", "folder"])
def test_each_layout_gives_the_features_of_each_rating(tmp_path, variant, form):
    path = make_folder(tmp_path, variant)
    if form == "archive":
        path = tmp_path / "x.zip"
        path.write_bytes(make_archive(variant))
    movielens = read_movielens(path, features=True)
    columns = to_lists(movielens.data)
    expected = {
        "user": [7, 7, 2, 2, 9],
        "item": [30, 10, 20, 10, 30],
        "genres": ["Drama|War", "Animation|Children's|Comedy", MISSING, "Animation|Children's|Comedy", "Drama|War"],
        "year": [1995.0, 1995.0, MISSING, 1995.0, 1995.0],
    }
    if variant in USERS_FILES:
        expected["gender"] = ["M", "M", "F", "F", MISSING]
        expected["age"] = [24.0, 24.0, 56.0, 56.0, MISSING]
        expected["occupation"] = ["writer", "writer", "artist", "artist", MISSING]
    assert columns == expected
    assert list(columns) == list(expected) == movielens.feature_names
    assert movielens.item_features == ITEM_FEATURES
    assert movielens.user_features == (USER_FEATURES if variant in USERS_FILES else [])


def test_columns_of_features_have_the_documented_types(tmp_path):
    data = read_movielens(make_folder(tmp_path, "1m"), features=True).data
    for name in ("genres", "gender", "occupation"):
        assert isinstance(data[name].dtype, pd.CategoricalDtype)
        assert pd.api.types.is_string_dtype(data[name].cat.categories.dtype)
        assert list(data[name].cat.categories) == sorted(data[name].cat.categories)
    assert data["year"].dtype == data["age"].dtype == np.float64
    assert "(no genres listed)" not in set(data["genres"].cat.categories)


@pytest.mark.parametrize("variant", ["1m", "25m"])
def test_features_add_columns_and_change_nothing_else(tmp_path, variant):
    folder = make_folder(tmp_path, variant)
    with_features, without = read_movielens(folder, features=True), read_movielens(folder)
    assert list(with_features) == list(without)
    pd.testing.assert_frame_equal(with_features.data[["user", "item"]], without.data)
    assert without.feature_names == ["user", "item"]
    assert without.item_features == without.user_features == []
    for name in ("frame", "item_frame"):
        pd.testing.assert_frame_equal(with_features[name], without[name])
    pd.testing.assert_series_equal(with_features.target, without.target)
    assert with_features.DESCR == without.DESCR


@pytest.mark.parametrize("variant", ["100k", "10m"])
def test_return_x_y_gives_the_same_features(tmp_path, variant):
    folder = make_folder(tmp_path, variant)
    X, y = read_movielens(folder, return_X_y=True, features=True)
    movielens = read_movielens(folder, features=True)
    pd.testing.assert_frame_equal(X, movielens.data)
    pd.testing.assert_series_equal(y, movielens.target)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("as_frame", [True, False])
def test_user_frame_has_listed_and_rated_users_where_there_is_a_file_of_them(tmp_path, variant, as_frame):
    user_frame = read_movielens(make_folder(tmp_path, variant), as_frame=as_frame).user_frame
    if variant not in USERS_FILES:
        assert user_frame is None
        return
    rows = {user: [user, gender, age, name, place] for user, gender, age, name, _, place in USERS}
    columns = to_lists(user_frame)
    assert list(columns) == ["user", "gender", "age", "occupation", "zip_code"]
    made = [list(row) for row in zip(*columns.values(), strict=True)]
    assert made == [rows[2], rows[5], rows[7], [9, *[MISSING] * 4]]
    assert user_frame["user"].dtype == np.int64
    assert user_frame["age"].dtype == pd.Int64Dtype()
    for name in ("gender", "occupation", "zip_code"):
        assert isinstance(user_frame[name].dtype, pd.StringDtype)


def test_edition_of_the_same_layout_without_users_has_none(tmp_path):
    folder = make_folder(tmp_path, "1m")
    (folder / "users.dat").unlink()
    movielens = read_movielens(folder, features=True)
    assert movielens.user_frame is None
    assert movielens.user_features == []
    assert movielens.feature_names == ["user", "item", *ITEM_FEATURES]


@pytest.mark.parametrize("variant", USERS_FILES)
def test_without_a_file_of_films_items_have_no_features(tmp_path, variant):
    folder = make_folder(tmp_path, variant)
    (folder / {"100k": "u.item", "1m": "movies.dat"}[variant]).unlink()
    movielens = read_movielens(folder, features=True)
    assert movielens.item_features == []
    assert list(movielens.data.columns) == ["user", "item", *USER_FEATURES]


def test_rated_film_that_is_not_listed_has_missing_features(tmp_path):
    folder = make_folder(tmp_path, "1m")
    (folder / "movies.dat").write_text("30::Heat (1995)::Crime\n40::Film (1972)::Film-Noir\n")
    data = read_movielens(folder, features=True).data
    assert to_lists(data[ITEM_FEATURES]) == {
        "genres": ["Crime", MISSING, MISSING, MISSING, "Crime"],
        "year": [1995.0, MISSING, MISSING, MISSING, 1995.0],
    }


@pytest.mark.parametrize("variant", USERS_FILES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_first_of_two_lines_of_a_user_counts_in_any_encoding(tmp_path, variant, end, encoding):
    folder = make_folder(tmp_path, variant)
    lines = user_lines(variant).replace("85711", "é 1").splitlines()
    lines += [lines[0].replace("24", "30"), "", ""]
    (folder / USERS_FILES[variant]).write_bytes(end.join(lines).encode(encoding))
    user_frame = read_movielens(folder).user_frame.set_index("user")
    assert user_frame.loc[7].to_list() == ["M", 24, "writer", "é 1"]
    assert user_frame.index.is_unique


@pytest.mark.parametrize(
    ("code", "name"), [(0, "other"), (1, "academic/educator"), (10, "K-12 student"), (20, "writer")]
)
def test_codes_of_occupations_get_the_names_of_the_readme(tmp_path, code, name):
    folder = make_folder(tmp_path, "1m")
    (folder / "users.dat").write_text(f"7::F::1::{code}::48067\n")
    assert read_movielens(folder, features=True).data["occupation"].to_list()[:2] == [name, name]


@given(
    st.dictionaries(
        st.integers(-(2**63), 2**63 - 1),
        st.tuples(st.sampled_from(["F", "M"]), st.integers(0, 150), st.sampled_from(["none", "NA", "null", "x y"])),
        min_size=1,
        max_size=20,
    ),
    st.data(),
)
def test_users_written_are_the_users_read(tmp_path_factory, users, data):
    folder = tmp_path_factory.mktemp("law")
    rated = data.draw(st.lists(st.sampled_from(sorted(users)) | st.integers(0, 10), min_size=1, max_size=20))
    ratings = pd.DataFrame({"user": rated, "item": range(len(rated)), "rating": 3.0, "timestamp": 10**9})
    (folder / "u.data").write_text(rating_lines("u.data", ratings))
    lines = [f"{user}|{age}|{gender}|{name}|NA\n" for user, (gender, age, name) in users.items()]
    (folder / "u.user").write_text("".join(lines))
    movielens = read_movielens(folder, features=True)
    unknown = (MISSING,) * 3
    assert list(zip(*to_lists(movielens.data[USER_FEATURES]).values(), strict=True)) == [
        users.get(user, unknown) for user in rated
    ]
    assert movielens.user_frame["user"].to_list() == sorted({*users, *rated})


MALFORMED = {
    "100k": [
        *("1|24|M|technician", "1|24|M|technician|85711|1", "1::24::M::technician::85711", "x|24|M|technician|1"),
        *("1|M|24|technician|85711", "1|24|M||85711", "1|24|X|technician|85711", "1|-1|M|technician|85711"),
        *("1|151|M|technician|85711", f"{2**63}|24|M|technician|85711", "1|24.5|M|technician|85711", "user|age"),
        *("|24|M|technician|85711", "1||M|technician|85711"),
    ],
    "1m": [
        *("1::F::1::10", "1::F::1::10::48067::1", "1|24|M|technician|85711", "1::F::1::21::48067"),
        *("1::F::1::-1::48067", "1::F::1::K-12 student::48067", "1::f::1::10::48067", "1::1::F::10::48067"),
        *("1_0::F::1::10::48067", "1::F::\u0661::10::48067", "1::F::1::::48067"),
    ],
}


@pytest.mark.parametrize(("variant", "line"), [(variant, line) for variant in MALFORMED for line in MALFORMED[variant]])
@pytest.mark.parametrize("place", ["first", "last"])
def test_malformed_user_is_an_error_with_its_line(tmp_path, variant, line, place):
    folder = make_folder(tmp_path, variant)
    lines = user_lines(variant).splitlines()
    lines.insert(0 if place == "first" else len(lines), line)
    (folder / USERS_FILES[variant]).write_text("\n".join(lines), encoding="utf-8")
    number = 1 if place == "first" else len(lines)
    expected = {"100k": "1|24|M|technician|85711", "1m": "1::F::1::10::48067"}[variant]
    fails(folder, str(folder / USERS_FILES[variant]), f"line {number} is {line!r}", expected)
    assert len(read_movielens(folder, return_X_y=True)[1]) == len(RATINGS)


@pytest.mark.parametrize("variant", USERS_FILES)
@pytest.mark.parametrize("kind", ["lines", "empty lines", "one line", "NUL"])
def test_file_of_users_is_bounded(tmp_path, monkeypatch, variant, kind):
    path, name = tmp_path / "x.zip", USERS_FILES[variant]
    layout = VARIANTS[variant][1]
    text = user_lines(variant)
    piece = {"lines": text.splitlines(keepends=True)[0], "empty lines": "\n", "one line": "1", "NUL": "\0"}[kind]
    text += piece * (2 * _movielens_files.MAX_USERS_SIZE // len(piece))
    path.write_bytes(zip_of({layout: rating_lines(layout).encode(), name: text.encode()}))
    fails(path, f"x.zip/{name}", "like")
    if kind == "lines":
        (tmp_path / layout).write_text(rating_lines(layout))
        (tmp_path / name).write_text(text)
        assert len(read_movielens(tmp_path).user_frame) == 4


def test_damaged_file_of_users_is_named(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(make_archive("1m").replace(b"ml-1m/users.dat", b"ml-1m/Users.dat", 1))
    fails(path, "x.zip/ml-1m/users.dat")


# What all loaders share


def test_features_in_an_array_are_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_fetch_movielens, "_find_place", None)
    for call in (
        lambda **flags: load_movielens(**flags),
        lambda **flags: read_movielens(tmp_path / "missing", **flags),
        lambda **flags: fetch_movielens("1m", data_home=tmp_path, **flags),
    ):
        for return_X_y in (True, False):
            with pytest.raises(ValueError, match="features=True needs as_frame=True"):
                call(features=True, as_frame=False, return_X_y=return_X_y)


def test_features_that_are_no_boolean_are_named(tmp_path):
    for function, arguments in ((load_movielens, []), (read_movielens, [tmp_path]), (fetch_movielens, ["1m"])):
        with pytest.raises(InvalidParameterError, match=f"'features' parameter of {function.__name__}"):
            function(*arguments, features="genres")


@pytest.mark.parametrize("return_X_y", [True, False])
def test_fetched_edition_has_the_features_that_are_read(tmp_path, monkeypatch, return_X_y):
    path = tmp_path / "sklearn_ncf" / "movielens" / "ml-latest-small.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(make_archive("latest-small"))
    fetched = fetch_movielens("latest-small", data_home=tmp_path, features=True, return_X_y=return_X_y)
    X = fetched[0] if return_X_y else fetched.data
    pd.testing.assert_frame_equal(X, read_movielens(path, features=True).data)
    assert list(X.columns) == ["user", "item", *ITEM_FEATURES]


# load_movielens


def test_features_of_the_packaged_edition_agree_with_its_films():
    movielens = load_movielens(features=True)
    data = movielens.data
    assert list(data.columns) == movielens.feature_names == ["user", "item", *ITEM_FEATURES]
    assert movielens.item_features == ITEM_FEATURES
    assert movielens.user_features == []
    assert movielens.user_frame is None
    films = movielens.item_frame.set_index("item").loc[data["item"]]
    genres = films["genres"].mask(films["genres"] == "(no genres listed)")
    assert to_lists(data[["genres"]])["genres"] == [MISSING if pd.isna(text) else text for text in genres]
    np.testing.assert_array_equal(data["year"], films["year"].to_numpy(np.float64, na_value=np.nan))
    assert data["genres"].isna().any()
    assert data["year"].isna().any()
    pd.testing.assert_frame_equal(data, load_movielens(features=True, return_X_y=True)[0])
    pd.testing.assert_frame_equal(data[["user", "item"]], load_movielens().data)
    # One string per film and not per rating.
    assert data["genres"].memory_usage(deep=True) < 4 * len(data)


def test_changing_the_features_changes_no_other_part():
    movielens = load_movielens(features=True)
    movielens.data.loc[:, "year"] = 0.0
    movielens.item_features.append("changed")
    assert movielens.item_frame["year"].min() > 1800
    assert movielens.feature_names == ["user", "item", *ITEM_FEATURES]
