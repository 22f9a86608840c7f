"""The layouts in which GroupLens has published MovieLens, and how a file of each is parsed."""

import csv
import io
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_ncf.datasets._movielens_bunch import DTYPES, NO_GENRES, SOURCE_COLUMNS, USER_DTYPES

RATING_COLUMNS = ("user", "item", "rating", "timestamp")

MAX_INT = np.iinfo(np.int64).max
MIN_TIMESTAMP, MAX_TIMESTAMP = -62_135_596_800, 253_402_300_799  # the years 1 to 9999

# In the order of the flags of u.item.
FLAGGED_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)

# In the order of the codes of users.dat, under the names in the README of MovieLens-1M.
OCCUPATIONS = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman"),
    *("unemployed", "writer"),
)
MAX_AGE = 150

# "Toy Story (1995)"; one title of MovieLens-100K has a mark behind the year: "... (1995) (V)".
TITLE_AND_YEAR = r"^(.*\S)\s*\((\d{4})\)( \(V\))?\s*$"


class Layout(NamedTuple):
    """The files that are read of an archive: `names` is None where a header has them, `users` where no file has."""

    ratings: str
    separator: str
    names: tuple[str, ...] | None
    rating_line: str
    movies: str
    movies_header: str | None
    movie_line: str
    parse_movie: Callable[[str], tuple[str, str, str]]
    users: str | None = None
    user_line: str | None = None
    parse_user: Callable[[str], tuple[str, str, str, str, str]] | None = None


def parse_ratings(file, layout):
    """Return the ratings of an open file as a table of `RATING_COLUMNS`; a line of another form is a ValueError."""
    gaps = [name for name in layout.names or () if name not in RATING_COLUMNS]
    types = {name: DTYPES[SOURCE_COLUMNS.get(name, name)] for name in (*RATING_COLUMNS, *SOURCE_COLUMNS)}
    table = pd.read_csv(
        file,
        sep=layout.separator,
        header="infer" if layout.names is None else None,
        names=layout.names,
        # Numbers, so that text in a gap is an error. Leaving the gaps out by usecols would also leave out, without a
        # word, what is too much in a line.
        dtype={**types, **dict.fromkeys(gaps, np.float32)},
        quoting=csv.QUOTE_NONE,
    )
    sources = {column: source for source, column in SOURCE_COLUMNS.items()} if layout.names is None else {}
    columns = [sources.get(name, name) for name in RATING_COLUMNS]
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise ValueError(f"it lacks the columns {lacking}")
    # pandas calls the second of two columns so.
    doubled = [name for name in columns if f"{name}.1" in table]
    if doubled:
        raise ValueError(f"it has two columns of each of the names {doubled}")
    # pandas takes a first column too many for an index.
    if not isinstance(table.index, pd.RangeIndex) or not table[gaps].isna().all(axis=None):
        raise ValueError("a line has too many fields")
    table = table.rename(columns=SOURCE_COLUMNS)[list(RATING_COLUMNS)]
    if table.empty:
        raise ValueError("it has no ratings")
    wide = [name for name in RATING_COLUMNS if table[name].dtype != DTYPES[name]]
    if wide:
        # Before pandas 3, an integer that fits only uint64 gets that type, whatever was asked for.
        raise ValueError(f"an integer in the columns {wide} exceeds {MAX_INT}, the largest int64")
    if not np.isfinite(table["rating"]).all():
        raise ValueError("a rating is missing or infinite")
    for second in (table["timestamp"].min(), table["timestamp"].max()):
        if not MIN_TIMESTAMP <= second <= MAX_TIMESTAMP:
            raise ValueError(f"the timestamp {second} is not in the years 1 to 9999; it must be seconds since 1970")
    return table


def parse_movies(content, layout):
    """Return the films of a file's bytes as a table of item, title, year and genres, each item once."""

    def parse(line):
        item, title, genres = layout.parse_movie(line)
        return _parse_integer(item), title, genres or NO_GENRES

    rows = _parse_lines(content, parse, layout.movies_header)
    items, titles, genres = zip(*rows, strict=True) if rows else ((), (), ())
    titles = pd.Series(titles, dtype=DTYPES["title"])
    parts = titles.str.extract(TITLE_AND_YEAR)
    movies = pd.DataFrame(
        {
            "item": pd.Series(items, dtype=DTYPES["item"]),
            "title": (parts[0] + parts[2].fillna("")).fillna(titles).astype(DTYPES["title"]),
            "year": pd.to_numeric(parts[1]).astype(DTYPES["year"]),
            "genres": pd.Series(genres, dtype=DTYPES["genres"]),
        }
    )
    return movies.drop_duplicates("item")


def parse_users(content, layout):
    """Return the users of a file's bytes as a table of the columns of `USER_DTYPES`, each user once."""

    def parse(line):
        user, gender, age, occupation, zip_code = layout.parse_user(line)
        if gender not in ("F", "M") or not occupation:
            raise ValueError("no gender or no occupation")
        return _parse_integer(user), gender, _parse_integer(age, 0, MAX_AGE), occupation, zip_code

    rows = _parse_lines(content, parse)
    users = pd.DataFrame(rows, columns=list(USER_DTYPES)).astype(USER_DTYPES)
    return users.drop_duplicates("user")


def _parse_lines(content, parse, header=None):
    """Return what `parse` makes of each line of a file's bytes; a line of another form is a ValueError."""
    encoding = _find_encoding(content)
    # One line at a time, as bytes: str.splitlines also splits at characters that titles may have.
    lines = (line.decode(encoding).rstrip("\r\n") for line in io.BytesIO(content))
    if header is not None:
        first = next(lines, "")
        if first != header:
            raise ValueError(f"its first line is {first[:80]!r} instead of {header!r}")
    rows = []
    for number, line in enumerate(lines, 1 if header is None else 2):
        if not line:
            continue
        try:
            rows.append(parse(line))
        except (ValueError, csv.Error) as error:
            raise ValueError(f"line {number} is {line[:80]!r}") from error
    return rows


def _find_encoding(content):
    """Return UTF-8, or Latin-1 for MovieLens-100K and 1M."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _parse_integer(text, low=-MAX_INT - 1, high=MAX_INT):
    """Return an integer; int() alone also takes underscores, digits of other scripts and integers beyond int64."""
    if not re.fullmatch(r"\s*[-+]?[0-9]+\s*", text):
        raise ValueError("no integer")
    number = int(text)
    if not low <= number <= high:
        raise ValueError(f"not from {low} to {high}")
    return number


def _parse_flags(line):
    """Split a line of u.item, whose genres are flags."""
    head, _, _, _, *flags = line.rsplit("|", len(FLAGGED_GENRES) + 3)
    item, title = head.split("|", 1)
    named = [name for name, flag in zip(FLAGGED_GENRES, flags, strict=True) if flag == "1" and name != "unknown"]
    return item, title, "|".join(named)


def _parse_colons(line):
    """Split a line of movies.dat, whose title may have colons, also two in a row."""
    item, rest = line.split("::", 1)
    title, genres = rest.rsplit("::", 1)
    return item, title, genres


def _parse_commas(line):
    """Split a line of movies.csv, whose title is quoted where it has a comma."""
    item, title, genres = next(csv.reader([line]))
    return item, title, genres


def _parse_user_of_100k(line):
    """Split a line of u.user."""
    user, age, gender, occupation, zip_code = line.split("|")
    return user, gender, age, occupation, zip_code


def _parse_user_of_1m(line):
    """Split a line of users.dat, where a code stands for the occupation."""
    user, gender, age, code, zip_code = line.split("::")
    return user, gender, age, OCCUPATIONS[_parse_integer(code, 0, len(OCCUPATIONS) - 1)], zip_code


LAYOUTS = (
    Layout(
        ratings="u.data",
        separator="\t",
        names=RATING_COLUMNS,
        rating_line="196\t242\t3\t881250949",
        movies="u.item",
        movies_header=None,
        movie_line="1|Toy Story (1995)|01-Jan-1995||http://...|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0",
        parse_movie=_parse_flags,
        users="u.user",
        user_line="1|24|M|technician|85711",
        parse_user=_parse_user_of_100k,
    ),
    Layout(
        ratings="ratings.dat",
        # A single colon, so that pandas' fast parser reads it, and empty columns between the others.
        separator=":",
        names=("user", "gap_1", "item", "gap_2", "rating", "gap_3", "timestamp"),
        rating_line="1::1193::5::978300760",
        movies="movies.dat",
        movies_header=None,
        movie_line="1::Toy Story (1995)::Animation|Children's|Comedy",
        parse_movie=_parse_colons,
        users="users.dat",
        user_line="1::F::1::10::48067",
        parse_user=_parse_user_of_1m,
    ),
    Layout(
        ratings="ratings.csv",
        separator=",",
        names=None,
        rating_line="1,31,2.5,1260759144",
        movies="movies.csv",
        movies_header="movieId,title,genres",
        movie_line="1,Toy Story (1995),Adventure|Animation|Children|Comedy|Fantasy",
        parse_movie=_parse_commas,
    ),
)
