"""Every layout of MovieLens reads to the same table, and what is no MovieLens is an error that names the file."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from movielens_archives import ITEMS, RATINGS, VARIANTS, make_archive, make_files, make_folder, rating_lines, zip_of
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ncf.datasets import load_movielens, read_movielens

LAYOUTS = {"u.data": "100k", "ratings.dat": "1m", "ratings.csv": "25m"}


def write_archive(tmp_path, variant="1m", **changed):
    """Write the archive of a variant, its files replaced, added or, with None, left out, and return its path."""
    folder = VARIANTS[variant][0]
    files = {**make_files(variant), **{f"{folder}/{name}": content for name, content in changed.items()}}
    path = tmp_path / f"{folder}.zip"
    path.write_bytes(zip_of({name: content for name, content in files.items() if content is not None}))
    return path


# What is read


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", ["archive", "folder", "folder above"])
def test_each_layout_reads_to_the_same_table(tmp_path, variant, form):
    folder = make_folder(tmp_path / "unpacked", variant)
    path = {"archive": write_archive(tmp_path, variant), "folder": folder, "folder above": folder.parent}[form]
    movielens = read_movielens(path)
    titles = {item: title for item, _, title, _, _ in ITEMS}
    genres = {item: text for item, _, _, _, text in ITEMS}
    pd.testing.assert_frame_equal(movielens.frame[list(RATINGS)], RATINGS)
    assert movielens.frame["title"].to_list() == [titles[item] for item in RATINGS["item"]]
    assert movielens.frame["genres"].to_list() == [genres[item] for item in RATINGS["item"]]
    assert [tuple(row) for row in movielens.item_frame.itertuples(index=False)] == [
        (item, title, year, text) for item, _, title, year, text in sorted(ITEMS, key=lambda row: row[0])
    ]


@pytest.mark.parametrize("variant", LAYOUTS.values())
def test_bunch_is_made_as_that_of_load_movielens(tmp_path, variant):
    loaded, read = load_movielens(), read_movielens(write_archive(tmp_path, variant))
    assert list(read) == list(loaded)
    assert list(read.frame.columns) == list(loaded.frame.columns)
    for name in ("data", "target", "item_frame"):
        assert type(read[name]) is type(loaded[name])
    pd.testing.assert_series_equal(read.data.dtypes, loaded.data.dtypes)
    pd.testing.assert_series_equal(read.item_frame.dtypes, loaded.item_frame.dtypes)
    assert read.target.dtype == loaded.target.dtype
    assert read.target.name == loaded.target.name
    assert read.feature_names == loaded.feature_names
    assert read.target_names == loaded.target_names
    numbers = ["user", "item", "rating", "timestamp"]
    pd.testing.assert_series_equal(read.frame[numbers].dtypes, loaded.frame[numbers].dtypes)
    for name in ("title", "genres"):
        # One text an item, not one a row: 25 million titles would cost more than all the numbers.
        assert isinstance(read.frame[name].dtype, pd.CategoricalDtype)
        assert read.frame[name].cat.categories.dtype == loaded.frame[name].dtype


@pytest.mark.parametrize("as_frame", [True, False])
def test_return_x_y_gives_data_and_target(tmp_path, as_frame):
    path = write_archive(tmp_path)
    X, y = read_movielens(path, return_X_y=True, as_frame=as_frame)
    movielens = read_movielens(path, as_frame=as_frame)
    assert type(X) is type(movielens.data) is (pd.DataFrame if as_frame else np.ndarray)
    assert type(y) is type(movielens.target)
    np.testing.assert_array_equal(X, RATINGS[["user", "item"]])
    np.testing.assert_array_equal(y, RATINGS["rating"])
    assert (movielens.frame is None) is not as_frame
    assert len(movielens.item_frame) == len(ITEMS)


def test_changing_one_part_changes_no_other(tmp_path):
    movielens = read_movielens(write_archive(tmp_path))
    movielens.frame.loc[:, "user"] = -1
    movielens.frame.loc[:, "rating"] = -1.0
    movielens.item_frame.loc[:, "item"] = -1
    assert movielens.data["user"].min() == 2
    assert movielens.target.min() == 1
    movielens.data.loc[:, "item"] = -2
    movielens.target[:] = -2
    assert movielens.frame["item"].min() == 10
    assert movielens.frame["rating"].max() == -1
    X, y = read_movielens(tmp_path / "ml-1m.zip", return_X_y=True, as_frame=False)
    X[:], y[:] = -3, -3


def test_reading_an_archive_unpacks_nothing(tmp_path):
    read_movielens(write_archive(tmp_path))
    assert [path.name for path in tmp_path.rglob("*")] == ["ml-1m.zip"]


@pytest.mark.parametrize(("layout", "variant"), LAYOUTS.items())
def test_without_a_file_of_films_titles_are_missing(tmp_path, layout, variant):
    folder = tmp_path / "ratings alone"
    folder.mkdir()
    (folder / layout).write_text(rating_lines(layout))
    movielens = read_movielens(folder)
    pd.testing.assert_frame_equal(movielens.frame[list(RATINGS)], RATINGS)
    assert movielens.item_frame["item"].to_list() == [10, 20, 30]
    assert movielens.item_frame.drop(columns="item").isna().all(axis=None)
    assert movielens.frame[["title", "genres"]].isna().all(axis=None)
    complete = read_movielens(write_archive(tmp_path, variant))
    pd.testing.assert_series_equal(movielens.item_frame.dtypes, complete.item_frame.dtypes)


def test_rated_film_that_is_not_listed_has_no_title(tmp_path):
    movielens = read_movielens(write_archive(tmp_path, **{"movies.dat": b"30::Heat (1995)::Crime\n"}))
    assert movielens.item_frame["item"].to_list() == [10, 20, 30]
    assert movielens.item_frame["title"].isna().to_list() == [True, True, False]
    assert movielens.item_frame["year"].to_list()[2] == 1995
    assert movielens.frame["title"].isna().to_list() == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("text", "title", "year"),
    [
        ("Heat (1995)", "Heat", 1995),
        ("Heat (1995) ", "Heat", 1995),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("Seven (Se7en) (1995)", "Seven (Se7en)", 1995),
        ("The Great Giving (1995) (V)", "The Great Giving (V)", 1995),
        ("Babylon 5", "Babylon 5", pd.NA),
        ("Serial (2006-2007)", "Serial (2006-2007)", pd.NA),
        ("(1990)", "(1990)", pd.NA),
        ("NA", "NA", pd.NA),
        ("null (2001)", "null", 2001),
    ],
)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_year_is_taken_out_of_the_title(tmp_path, layout, text, title, year):
    line = {
        "u.data": f"30|{text}|||{'|0' * 19}",
        "ratings.dat": f"30::{text}::Drama",
        "ratings.csv": f"movieId,title,genres\n30,{text},Drama",
    }[layout]
    movies = {"u.data": "u.item", "ratings.dat": "movies.dat", "ratings.csv": "movies.csv"}[layout]
    path = write_archive(tmp_path, LAYOUTS[layout], **{movies: line.encode()})
    row = read_movielens(path).item_frame.set_index("item").loc[30]
    assert row["title"] == title
    assert row["year"] is year if year is pd.NA else row["year"] == year


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_titles_are_read_in_either_encoding(tmp_path, encoding, end):
    # \x85 ends a line for str.splitlines, and is a letter's second byte in UTF-8.
    lines = ["10::Amélie Å (2001)::Comedy", "20::\x85 Ä (1999)::(no genres listed)", ""]
    path = write_archive(tmp_path, **{"movies.dat": end.join(lines).encode(encoding)})
    item_frame = read_movielens(path).item_frame
    assert item_frame["title"].to_list()[:2] == ["Amélie Å", "\x85 Ä"]
    assert item_frame["genres"].to_list()[:2] == ["Comedy", "(no genres listed)"]


def test_ratings_with_windows_line_ends_and_no_last_one_are_read(tmp_path):
    text = rating_lines("ratings.dat").rstrip("\n").replace("\n", "\r\n")
    _, y = read_movielens(write_archive(tmp_path, **{"ratings.dat": text.encode()}), return_X_y=True)
    np.testing.assert_array_equal(y, RATINGS["rating"])


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(list(LAYOUTS)),
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.one_of(st.integers(1, 10**6), st.integers(-(2**63), 2**63 - 1)),
            st.integers(1, 10),
            st.integers(-(10**10), 2 * 10**11),
        ),
        min_size=1,
        max_size=30,
    ),
)
def test_ratings_written_are_the_ratings_read(tmp_path_factory, layout, rows):
    ratings = pd.DataFrame(rows, columns=list(RATINGS)).astype({"rating": float})
    ratings["rating"] /= 2
    folder = tmp_path_factory.mktemp("law")
    (folder / layout).write_text(rating_lines(layout, ratings))
    pd.testing.assert_frame_equal(read_movielens(folder).frame[list(RATINGS)], ratings)


def test_description_states_counts_terms_and_citation(tmp_path):
    description = read_movielens(write_archive(tmp_path)).DESCR
    facts = ["ml-1m.zip", "5 ratings", "3 users", "3 films", "2000-12-31", "2023-06-29", "1 to 5 stars"]
    for fact in [*facts, "redistribut", "No commercial", "Harper", "2827872"]:
        assert fact in description


def test_folder_is_called_by_its_name_from_inside(tmp_path, monkeypatch):
    monkeypatch.chdir(make_folder(tmp_path, "1m"))
    assert read_movielens(".").DESCR == read_movielens(tmp_path / "ml-1m").DESCR


# What is no MovieLens


def fails(path, *parts):
    """Check that reading is an OSError whose message has all parts, and return it."""
    with pytest.raises(OSError) as caught:  # noqa: PT011
        read_movielens(path)
    for part in parts:
        assert part in str(caught.value)
    return caught.value


def test_missing_path_is_named(tmp_path):
    error = fails(tmp_path / "ml-1m.zip", str(tmp_path / "ml-1m.zip"), "archive", "folder")
    assert isinstance(error, FileNotFoundError)


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_without_ratings_the_files_that_are_looked_for_are_named(tmp_path, form):
    path = tmp_path
    if form == "archive":
        path = write_archive(tmp_path, **{"ratings.dat": None})
    error = fails(path, str(path), "u.data", "ratings.dat", "ratings.csv")
    assert isinstance(error, FileNotFoundError)


def test_two_files_of_ratings_are_named(tmp_path):
    make_folder(tmp_path, "1m")
    make_folder(tmp_path, "25m")
    fails(tmp_path, "ml-1m", "ratings.dat", "ml-25m", "ratings.csv")
    assert len(read_movielens(tmp_path / "ml-25m").target) == len(RATINGS)


@pytest.mark.parametrize(
    "content", [b"", b"<html>Not found</html>", make_archive("1m")[:-40]], ids=["empty", "page", "cut"]
)
def test_what_is_no_complete_archive_is_an_error(tmp_path, content):
    path = tmp_path / "ml-1m.zip"
    path.write_bytes(content)
    fails(path, str(path), "zip archive")


@pytest.mark.parametrize("member", ["ratings.dat", "movies.dat"])
@pytest.mark.parametrize("place", ["start", "middle"])
def test_altered_member_is_an_error(tmp_path, member, place):
    path = write_archive(tmp_path)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"ml-1m/{member}")
    content = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    if place == "start":
        content[start] = 0xFF  # no kind of block, an error of zlib; the other is one of the checksum
    else:
        content[start + info.compress_size // 2] ^= 0xFF
    path.write_bytes(content)
    fails(path, f"ml-1m/{member}")


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "ml-1m/../../evil", "..\\evil", "C:\\evil", "C:evil", "//host/evil", "ml-1m/.."]
)
def test_member_whose_path_leaves_the_archive_is_an_error(tmp_path, name):
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    path = home / "ml-1m.zip"
    path.write_bytes(zip_of({**make_files("1m"), name: b"evil"}))
    fails(path, str(path), repr(name))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ml-1m.zip"]


MALFORMED = {
    "u.data": [
        "1\t2\t3\n",
        "1\t2\t3\t4\t5\n",
        "1::2::3::4\n",
        "1\t2\t\t4\n",
        "1\t2\tinf\t4\n",
        "x\t2\t3\t4\n",
        "1.5\t2\t3\t4\n",
    ],
    "ratings.dat": [
        *("1::2::3\n", "1::2::3::4::5\n", "1::2::3::41::2::3::4\n", "1:2:3:4\n", "1::2::3::\n", "1::2::::4\n"),
        *(
            "1:9:2::3::4\n",
            '"1::2::3::4\n',
            '"1"::2::3::4\n',
            "x::2::3::4\n",
            f"{10**30}::2::3::4\n",
            "\0\0\0\n",
            "1,2,3,4\n",
        ),
    ],
    "ratings.csv": ["1,2,3\n", "1,2,3,4,5\n", "1,2,,4\n", "1::2::3::4\n", '1,"2,3,4\n'],
}


@pytest.mark.parametrize(("layout", "line"), [(layout, line) for layout in MALFORMED for line in MALFORMED[layout]])
@pytest.mark.parametrize("place", ["first", "last"])
def test_malformed_rating_is_an_error_and_no_rating(tmp_path, layout, line, place):
    lines = rating_lines(layout).splitlines(keepends=True)
    lines.insert(int(layout == "ratings.csv") if place == "first" else len(lines), line)
    (tmp_path / layout).write_text("".join(lines))
    fails(tmp_path, str(tmp_path / layout))


@pytest.mark.parametrize(("layout", "extra"), [("u.data", "\t1"), ("ratings.dat", "::1"), ("ratings.csv", ",1")])
def test_field_too_many_in_all_lines_is_an_error(tmp_path, layout, extra):
    text = rating_lines(layout).replace("\n", extra + "\n")
    (tmp_path / layout).write_text(text.replace("timestamp" + extra, "timestamp"))
    fails(tmp_path, str(tmp_path / layout))


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("u.data", ""),
        ("ratings.dat", "\n"),
        ("ratings.csv", ""),
        ("ratings.csv", "userId,movieId,rating,timestamp\n"),
        ("ratings.csv", "user,item,rating,timestamp\n1,2,3,4\n"),
    ],
)
def test_file_without_ratings_is_an_error(tmp_path, layout, text):
    (tmp_path / layout).write_text(text)
    fails(tmp_path, str(tmp_path / layout))


def test_lacking_columns_of_ratings_are_named(tmp_path):
    (tmp_path / "ratings.csv").write_text("user,movieId,rating,time\n1,2,3,4\n")
    fails(tmp_path, "['userId', 'timestamp']")


@pytest.mark.parametrize(
    ("layout", "name", "content"),
    [
        ("u.data", "u.item", "10|Heat (1995)|a|b|c|1|0\n"),
        ("ratings.dat", "movies.dat", "10::Heat (1995)\n"),
        ("ratings.dat", "movies.dat", "ten::Heat (1995)::Crime\n"),
    ],
)
def test_malformed_film_is_an_error_with_its_line(tmp_path, layout, name, content):
    (tmp_path / layout).write_text(rating_lines(layout))
    (tmp_path / name).write_text(content)
    fails(tmp_path, str(tmp_path / name), "line 1", repr(content[:10])[:-1])


@pytest.mark.parametrize(
    "content", ["", "movieId,name,genres\n10,Heat,Crime\n", "movieId,title,genres\nten,Heat,Crime\n"]
)
def test_malformed_table_of_films_is_an_error(tmp_path, content):
    (tmp_path / "ratings.csv").write_text(rating_lines("ratings.csv"))
    (tmp_path / "movies.csv").write_text(content)
    fails(tmp_path, str(tmp_path / "movies.csv"))


@pytest.mark.parametrize(("parameter", "value"), [("path", 3), ("as_frame", "yes"), ("return_X_y", 1)])
def test_parameter_of_another_type_is_named(parameter, value):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of read_movielens"):
        read_movielens(**{"path": "folder", parameter: value})
