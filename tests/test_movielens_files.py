"""What is read of an archive or a folder is bounded and in order, whatever the archive says about itself."""

import io
import os
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from movielens_archives import RATINGS, make_archive, make_files, make_folder, movie_lines, rating_lines, zip_of

from sklearn_ncf.datasets import _movielens_files, _read_movielens, read_movielens
from sklearn_ncf.datasets._movielens_files import CheckedFile

LAYOUTS = {"u.data": "u.item", "ratings.dat": "movies.dat", "ratings.csv": "movies.csv"}
MIB = 2**20


def fails(path, *parts):
    """Check that reading is an OSError whose message has all parts."""
    with pytest.raises(OSError) as caught:  # noqa: PT011
        read_movielens(path)
    for part in parts:
        assert part in str(caught.value)


def write_zip(path, members, method=zipfile.ZIP_DEFLATED):
    """Write members, which are bytes or pairs of bytes and how often they are repeated."""
    with zipfile.ZipFile(path, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        for name, content in members:
            piece, times = content if isinstance(content, tuple) else (content, 1)
            with archive.open(name, "w") as file:
                for _ in range(times):
                    file.write(piece)
    return path


@pytest.fixture
def bytes_read(monkeypatch):
    """A list that gets the size of each piece that is expanded from an archive."""
    sizes = []
    read = zipfile.ZipExtFile.read

    def counted(self, n=-1):
        data = read(self, n)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    return sizes


# Text that is larger than any of MovieLens


@pytest.mark.parametrize("name", ["ratings.dat", "movies.dat"])
def test_archive_that_expands_without_end_is_refused_in_bounded_memory(tmp_path, bytes_read, name):
    line = b"1::1::5::978300760\n" if name == "ratings.dat" else b"1::Heat (1995)::Crime\n"
    files = {"ratings.dat": b"1::1::5::978300760\n", name: (line * (MIB // len(line)), 160)}
    path = write_zip(tmp_path / "bomb.zip", files.items())
    assert path.stat().st_size < MIB
    tracemalloc.start()
    fails(path, f"bomb.zip/{name}", "more than", "unpack")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The text has 160 MiB; its table would have more.
    assert peak < 128 * MIB
    assert sum(bytes_read) < 33 * MIB


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["short lines", "empty lines", "one line", "NUL"])
def test_each_file_of_each_layout_is_bounded(tmp_path, monkeypatch, bytes_read, layout, kind):
    monkeypatch.setattr(_movielens_files, "SMALL_SIZE", 2**18)
    piece = {"short lines": b"1\n", "empty lines": b"\n", "one line": b"1", "NUL": b"\0"}[kind]
    for name in (layout, LAYOUTS[layout]):
        start = rating_lines(layout) if name == layout else movie_lines(layout)
        if kind == "short lines":
            piece = start.encode().splitlines(keepends=True)[-1]
        members = {layout: rating_lines(layout).encode(), name: start.encode() + piece * (16 * MIB // len(piece))}
        bytes_read.clear()
        fails(write_zip(tmp_path / "x.zip", members.items()), f"x.zip/{name}", "like")
        assert sum(bytes_read) < 2 * MIB


@pytest.mark.parametrize("size", [0, 1, 90, 10**6, 2**32 - 2])
@pytest.mark.parametrize("field", ["size", "compressed size"])
def test_size_that_an_archive_claims_does_not_matter(tmp_path, monkeypatch, bytes_read, size, field):
    monkeypatch.setattr(_movielens_files, "SMALL_SIZE", 2**18)
    name, line = b"ratings.dat", b"1::1::5::978300760\n"
    path = write_zip(tmp_path / "x.zip", [(name.decode(), line * (16 * MIB // len(line)))])
    content = bytearray(path.read_bytes())
    places = (content.index(b"PK\3\4") + 18, content.index(b"PK\1\2") + 20)
    for place in places:
        struct.pack_into("<I", content, place + (4 if field == "size" else 0), size)
    path.write_bytes(content)
    fails(path, "x.zip/ratings.dat")
    assert sum(bytes_read) < 2 * MIB


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_method_that_zipfile_expands_in_one_piece_is_refused(tmp_path, bytes_read, method):
    path = write_zip(tmp_path / "x.zip", make_files("1m").items(), method)
    fails(path, "x.zip", "ml-1m/README", "compressed", "deflate")
    assert bytes_read == []


# Archive, ratings, films in bytes; ratings and films.
EDITIONS = {
    "100k": (4_924_029, 1_979_173, 236_344, 100_000, 1_682),
    "1m": (5_917_549, 24_594_131, 171_308, 1_000_209, 3_883),
    "10m": (65_566_137, 265_105_635, 522_197, 10_000_054, 10_681),
    "20m": (198_702_078, 533_444_411, 1_397_542, 20_000_263, 27_278),
    "latest-small": (978_202, 2_483_723, 494_431, 100_836, 9_742),
    "25m": (261_978_986, 678_260_987, 3_038_099, 25_000_095, 62_423),
    "32m": (238_950_008, 877_076_222, 4_242_926, 32_000_204, 87_585),
}


@pytest.mark.parametrize("edition", EDITIONS)
def test_no_real_edition_comes_near_a_bound(edition):
    archive, ratings_size, movies_size, n_ratings, n_movies = EDITIONS[edition]
    largest = max(_movielens_files.SMALL_SIZE, _movielens_files.MAX_RATIO * archive)
    for size, n_lines, most in (
        (ratings_size, n_ratings, _movielens_files.MAX_RATINGS_SIZE),
        (movies_size, n_movies, _movielens_files.MAX_MOVIES_SIZE),
    ):
        limit = min(largest, most)
        assert limit > 1.3 * size
        assert limit // _movielens_files.MIN_MEAN_LINE_LENGTH > 1.3 * n_lines


@pytest.mark.parametrize(("size", "n_users"), [(22_628, 943), (134_368, 6_040)], ids=["100k", "1m"])
def test_no_real_file_of_users_comes_near_a_bound(size, n_users):
    limit = min(_movielens_files.SMALL_SIZE, _movielens_files.MAX_USERS_SIZE)
    assert limit > 1.3 * size
    assert limit // _movielens_files.MIN_MEAN_LINE_LENGTH > 1.3 * n_users


def make_ratings_text(n_ratings):
    rng = np.random.RandomState(0)
    columns = [rng.randint(1, 200_000, n_ratings), rng.randint(1, 90_000, n_ratings)]
    columns += [rng.randint(1, 11, n_ratings) / 2, rng.randint(10**9, 2 * 10**9, n_ratings)]
    table = pd.DataFrame(dict(zip(["userId", "movieId", "rating", "timestamp"], columns, strict=True)))
    return table, table.to_csv(index=False).encode()


def test_archive_that_is_compressed_as_real_ones_are_is_read_at_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(_movielens_files, "SMALL_SIZE", 0)
    table, text = make_ratings_text(50_000)
    X, y = read_movielens(write_zip(tmp_path / "x.zip", [("ml-99m/ratings.csv", text)]), return_X_y=True)
    np.testing.assert_array_equal(X, table[["userId", "movieId"]])
    np.testing.assert_array_equal(y, table["rating"])


def test_memory_follows_the_ratings_not_the_text_around_them(tmp_path):
    # The check of what is read needs one piece at a time.
    _, text = make_ratings_text(50_000)
    path = write_zip(tmp_path / "x.zip", [("ratings.csv", text)])
    with _movielens_files.open_archive(path) as archive:
        tracemalloc.start()
        with archive.open(("ratings.csv",), 2**31) as file:
            while file.read(2**16):
                pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MIB < len(text)


def test_file_in_a_folder_may_have_any_size(tmp_path, monkeypatch):
    for name in ("SMALL_SIZE", "MAX_RATIO"):
        monkeypatch.setattr(_movielens_files, name, 0)
    for name in ("MAX_RATINGS_SIZE", "MAX_MOVIES_SIZE"):
        monkeypatch.setattr(_read_movielens, name, 1)
    folder = make_folder(tmp_path, "1m")
    pd.testing.assert_frame_equal(read_movielens(folder).frame[list(RATINGS)], RATINGS)
    (tmp_path / "x.zip").write_bytes(make_archive("1m"))
    fails(tmp_path / "x.zip", "more than 0 bytes")


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"bcd", b"abcde\n"]), max_size=60).map(b"".join),
    st.lists(st.integers(1, 9), min_size=1),
    st.integers(0, 60),
)
def test_checks_do_not_depend_on_the_pieces_that_are_read(content, sizes, limit):
    lines = content.replace(b"\r", b"\n").split(b"\n")
    n_lines = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_movielens_files, "MAX_LINE_LENGTH", 5)
        patch.setattr(_movielens_files, "MIN_MEAN_LINE_LENGTH", 3)
        file, pieces = CheckedFile(io.BytesIO(content), limit), []
        try:
            for size in sizes * len(content):
                pieces.append(file.read(size))
        except ValueError as error:
            refused = str(error)
            assert content.startswith(b"".join(pieces))
            if "longer" in refused:
                assert max(map(len, lines)) > 5
            else:
                # A line end may be cut in two, and is then counted twice.
                assert len(content) > limit or n_lines + content.count(b"\r\n") > limit // 3
        else:
            assert b"".join(pieces) == content
            assert max(map(len, lines)) <= 5
            assert len(content) <= limit
            assert n_lines <= limit // 3


# Members that no archive of GroupLens has


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ml-1m/ratings.dat", "ml-1m/ratings.dat"),
        ("ml-1m/ratings.dat", "ml-1m/Ratings.DAT"),
        ("ml-1m/ratings.dat", "ML-1M/ratings.dat"),
        ("ml-1m/ratings.dat", "ml-1m\\ratings.dat"),
        ("ml-1m/ratings.dat", "ml-1m/ratings.dat/"),
        ("ml-1m/ratings.dat", "ml-1m/ratings.dat\\"),
        ("ml-1m/ratings.dat", "ml-1m/ratings.dat."),
        ("ml-1m/ratings.dat", "ml-1m/ratings.dat/README"),
        ("ml-1m/README", "ml-1m/README"),
        ("ml-1m/caf\xe9", "ml-1m/cafe\u0301"),
        ("ml-1m/stra\xdfe", "ml-1m/STRASSE"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_members_of_one_name_are_refused_by_name(tmp_path, first, second, turned):
    members = [*make_files("1m").items(), *((name, b"x") for name in (first, second) if name not in make_files("1m"))]
    if first == second:
        members.append((first, b"x"))
    path = write_zip(tmp_path / "x.zip", members[::-1] if turned else members)
    fails(path, "x.zip", repr(first), repr(second), "nothing of it is read")


def test_folder_of_a_program_for_windows_is_no_second_member(tmp_path):
    files = {name.replace("/", "\\"): content for name, content in make_files("1m").items()}
    path = write_zip(tmp_path / "x.zip", [("ml-1m\\", b""), *files.items()])
    pd.testing.assert_frame_equal(read_movielens(path).frame[list(RATINGS)], RATINGS)


@pytest.mark.parametrize(
    ("n_members", "part"), [(1_001, "1,003 members"), (5_000, "list of members is larger than 1,048,576 bytes")]
)
def test_very_many_members_are_refused(tmp_path, n_members, part):
    files = make_files("1m")
    names = [f"{i:0200}" for i in range(n_members)]
    members = [*list(files.items())[:2], *((name, b"") for name in names)]
    fails(write_zip(tmp_path / "x.zip", members), "x.zip", part, "unpack")


@pytest.mark.parametrize("name", ["a/" * 30_000 + "a", "a" * 256, "a/./b", "./a", "a//b"])
def test_member_of_a_name_that_is_long_or_not_plain_is_refused(tmp_path, name):
    fails(write_zip(tmp_path / "x.zip", [*make_files("1m").items(), (name, b"")]), "x.zip", repr(name[:255]))


@pytest.mark.parametrize("name", ["ratings.dat", "movies.dat"])
def test_link_in_an_archive_is_refused(tmp_path, name):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in {"ratings.dat": rating_lines("ratings.dat"), name: "/etc/passwd"}.items():
            member = zipfile.ZipInfo(file)
            member.external_attr = (0o120777 if file == name else 0o100644) << 16
            archive.writestr(member, content)
    fails(path, f"x.zip/{name}", "link")


@given(st.integers(0, 2**31), st.integers(1, 255), st.integers(1, 3))
def test_archive_with_altered_bytes_is_read_as_it_was_or_refused(tmp_path_factory, place, change, n_bytes):
    path = tmp_path_factory.mktemp("law") / "x.zip"
    content = bytearray(zip_of(dict(list(make_files("1m").items())[1:3])))
    for i in range(n_bytes):
        content[(place + i) % len(content)] ^= change
    path.write_bytes(content)
    try:
        movielens = read_movielens(path)
    except OSError as error:
        assert "x.zip" in str(error)  # noqa: PT017
    else:
        pd.testing.assert_frame_equal(movielens.frame[list(RATINGS)], RATINGS)


# Files that are no regular files


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
@pytest.mark.parametrize("name", ["x.zip", "ml-1m/ratings.dat", "ml-1m/movies.dat", "ml-1m/users.dat"])
def test_pipe_is_refused_without_waiting_for_a_writer(tmp_path, name):
    folder = make_folder(tmp_path, "1m")
    path = tmp_path / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    fails(path if name == "x.zip" else folder, str(path), "not a regular file")


@pytest.mark.parametrize("name", ["ratings.dat", "movies.dat"])
@pytest.mark.parametrize("target", ["missing", "itself"])
def test_broken_link_is_refused_by_name(tmp_path, name, target):
    folder = make_folder(tmp_path, "1m")
    (folder / name).unlink()
    (folder / name).symlink_to(folder / name if target == "itself" else tmp_path / "missing")
    fails(folder, str(folder / name), "not a regular file")


def test_links_to_files_and_folders_are_followed(tmp_path):
    folder = make_folder(tmp_path / "elsewhere", "1m")
    (tmp_path / "a").mkdir()
    for name in ("ratings.dat", "movies.dat"):
        (tmp_path / "a" / name).symlink_to(folder / name)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "inner").symlink_to(folder)
    (tmp_path / "c.zip").write_bytes(make_archive("1m"))
    (tmp_path / "d").symlink_to(tmp_path / "c.zip")
    for name in "abd":
        pd.testing.assert_frame_equal(read_movielens(tmp_path / name).frame[list(RATINGS)], RATINGS)


def test_folder_in_the_place_of_ratings_is_named(tmp_path):
    (tmp_path / "u.data").mkdir()
    fails(tmp_path, f"{tmp_path / 'u.data'} is a folder")


def test_folder_in_the_place_of_films_is_named(tmp_path):
    (tmp_path / "u.data").write_text(rating_lines("u.data"))
    (tmp_path / "u.item").mkdir()
    fails(tmp_path, f"{tmp_path / 'u.item'} cannot be read", "not a regular file")


def test_folder_called_as_its_file_of_ratings_is_read(tmp_path):
    (tmp_path / "ratings.csv").mkdir()
    (tmp_path / "ratings.csv" / "ratings.csv").write_text(rating_lines("ratings.csv"))
    assert len(read_movielens(tmp_path, return_X_y=True)[1]) == len(RATINGS)


# Text that libraries read as something else


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("column", range(4))
def test_nul_in_a_number_is_refused(tmp_path, layout, column):
    text = rating_lines(layout, RATINGS.assign(rating=1.0))
    separator = {"u.data": "\t", "ratings.dat": "::", "ratings.csv": ","}[layout]
    lines = text.splitlines()
    fields = lines[-1].split(separator)
    fields[column] += "\0007"
    (tmp_path / layout).write_text("\n".join([*lines[:-1], separator.join(fields)]))
    fails(tmp_path, str(tmp_path / layout), f"line {len(lines)} has a NUL")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nul_in_a_title_is_refused(tmp_path, layout):
    (tmp_path / layout).write_text(rating_lines(layout))
    (tmp_path / LAYOUTS[layout]).write_text(movie_lines(layout).replace("Toy", "T\0y"))
    fails(tmp_path, str(tmp_path / LAYOUTS[layout]), "has a NUL byte")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("column", ["user", "item", "timestamp"])
@given(value=st.one_of(st.integers(min_value=2**63), st.integers(max_value=-(2**63) - 1)), n_ratings=st.integers(1, 5))
def test_integer_beyond_int64_is_refused(tmp_path_factory, layout, column, value, n_ratings):
    folder = tmp_path_factory.mktemp("law")
    ratings = RATINGS[:n_ratings].astype({column: object})
    ratings.loc[n_ratings - 1, column] = value
    (folder / layout).write_text(rating_lines(layout, ratings))
    fails(folder, str(folder / layout))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("item", [str(2**63), str(-(2**63) - 1), "1" * 4000, "1_0", "\u0661", "1.0", "", "0x1"])
def test_item_that_is_no_int64_is_refused_with_its_line(tmp_path, layout, item):
    (tmp_path / layout).write_text(rating_lines(layout))
    lines = movie_lines(layout).splitlines(keepends=True)
    lines[-1] = lines[-1].replace("40", item, 1)
    (tmp_path / LAYOUTS[layout]).write_text("".join(lines), encoding="utf-8")
    fails(tmp_path, str(tmp_path / LAYOUTS[layout]), f"line {len(lines)} is")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("second", [-(2**63), 2**63 - 1, 1_600_000_000_000, -62_135_596_801, 253_402_300_800])
def test_timestamp_out_of_range_is_refused(tmp_path, layout, second):
    (tmp_path / layout).write_text(rating_lines(layout, RATINGS.assign(timestamp=second)))
    fails(tmp_path, str(tmp_path / layout), f"timestamp {second}", "seconds")


@pytest.mark.parametrize("column", ["userId", "movieId", "rating", "timestamp"])
def test_two_columns_of_one_name_are_refused(tmp_path, column):
    lines = rating_lines("ratings.csv").splitlines()
    (tmp_path / "ratings.csv").write_text("\n".join([f"{lines[0]},{column}", *(f"{line},1" for line in lines[1:])]))
    fails(tmp_path, str(tmp_path / "ratings.csv"), "two columns", column)


# What all readers take


@pytest.mark.parametrize("flag", [np.True_, np.False_])
def test_booleans_and_strings_of_numpy_mean_what_those_of_python_mean(tmp_path, flag):
    folder = make_folder(tmp_path, "1m")
    assert (read_movielens(np.str_(folder), as_frame=flag).frame is not None) == bool(flag)
    assert isinstance(read_movielens(folder, return_X_y=flag), tuple) == bool(flag)


def test_path_of_bytes_behind_fspath_is_read(tmp_path):
    class Place:
        def __fspath__(self):
            return os.fsencode(make_folder(tmp_path, "1m"))

    assert len(read_movielens(Place()).target) == len(RATINGS)


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-this-name/ml-1m.zip"])
def test_path_that_cannot_be_is_an_error_that_shows_it(path):
    fails(path, path)
