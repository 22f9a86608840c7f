"""MovieLens from an archive or a folder that is already there, in any of its layouts."""

import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_ncf._sklearn_compat import validate_params
from sklearn_ncf.datasets._movielens_bunch import (
    CITATION,
    DTYPES,
    ITEM_COLUMNS,
    check_features,
    data_and_target,
    expand_features,
    movielens_bunch,
)
from sklearn_ncf.datasets._movielens_files import (
    MAX_MOVIES_SIZE,
    MAX_RATINGS_SIZE,
    MAX_USERS_SIZE,
    READ_ERRORS,
    open_archive,
    open_folder,
)
from sklearn_ncf.datasets._movielens_layouts import LAYOUTS, parse_movies, parse_ratings, parse_users

DESCR = """\
MovieLens, read from {name}
{rule}

{n_ratings:,} ratings that {n_users:,} users gave {n_items:,} films on https://movielens.org from
{first} to {last}, {low:g} to {high:g} stars.

Columns of the frame
    user       int64, the user's id
    item       int64, the film's id
    rating     float64, stars
    timestamp  int64, when the rating was given, in seconds since 1970-01-01 UTC
    title      category of strings, the film's title without the year; missing where the film is not listed
    genres     category of strings, genres joined by "|", or "(no genres listed)"

Features: further columns of data with features=True, missing where unknown
    genres      category of strings, genres joined by "|"
    year        float64, the year of release
    gender      category of strings, "F" or "M"; like the next two in the editions 100K and 1M only
    age         float64, years; in the edition 1M the lower end of a group of ages
    occupation  category of strings

Source: https://grouplens.org/datasets/movielens

Terms of use: the data are GroupLens', under the terms in the README of the archive. No commercial
or revenue-bearing use without permission from the GroupLens Research Project, no statement or
implication that the University of Minnesota or GroupLens endorses the work, no warranty. The
editions 100K, 1M and 10M must not be redistributed without separate permission; later ones may be
under the same conditions only. Publications cite:

{citation}"""


@validate_params(
    {"path": [str, os.PathLike], "return_X_y": ["boolean"], "as_frame": ["boolean"], "features": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def read_movielens(path, *, return_X_y=False, as_frame=True, features=False):
    r"""Read MovieLens from an archive or a folder, in any layout that GroupLens has published.

    =====================  ==================  ==============  ====================================
    Editions               Ratings             Films           Form
    =====================  ==================  ==============  ====================================
    100K                   ``u.data``          ``u.item``      tabs; ``|`` and flags of genres
    1M, 10M                ``ratings.dat``     ``movies.dat``  fields separated by ``::``
    20M, 25M, 32M, latest  ``ratings.csv``     ``movies.csv``  comma-separated, with a header
    =====================  ==================  ==============  ====================================

    The editions 100K and 1M also have a file of users, ``u.user`` and ``users.dat``.

    Parameters
    ----------
    path : str or path-like
        A zip archive as downloaded, or a folder. The files may lie in it or in one folder of it.
        Archives are read in place, nothing is unpacked.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        If True, ``data`` is a DataFrame, ``target`` a Series and ``frame`` the whole table. If
        False, ``data`` and ``target`` are NumPy arrays and ``frame`` is None.
    features : bool, default=False
        If True, ``data`` has what is known of items and users in further columns. Needs
        ``as_frame=True``.

    Returns
    -------
    movielens : :class:`~sklearn.utils.Bunch`
        Dictionary-like object as that of :func:`load_movielens`. Rows are in the order of the file.

        data : DataFrame or ndarray of shape (n_ratings, 2)
            The ids ``user`` and ``item``, int64. With ``features=True``, these columns follow, in
            which a value that is not known is missing:

            - if there is a file of films, ``genres`` (a category of strings, genres joined by
              ``"|"``; missing for "(no genres listed)") and ``year`` (of release, float64);
            - if there is a file of users, ``gender`` (a category, ``"F"`` or ``"M"``), ``age``
              (float64, years; 1M has groups of ages, of which it is the lower end, and 1 for
              "under 18") and ``occupation`` (a category of strings; for the codes of 1M, the names
              in its README).
        target : Series or ndarray of shape (n_ratings,)
            The ``rating``, float64, in stars.
        frame : DataFrame of shape (n_ratings, 6) or None
            ``user``, ``item``, ``rating``, ``timestamp`` (int64, Unix seconds), ``title`` and
            ``genres``. The last two are categories of strings: one text an item, not one a row.
            None with ``as_frame=False``.
        item_frame : DataFrame of shape (n_items, 4)
            One row a film that is listed or rated, sorted by item: ``item``, ``title`` (string),
            ``year`` (of release, nullable ``Int64``) and ``genres`` (string, joined by ``"|"``, or
            ``"(no genres listed)"``). The year is taken out of the title; it is missing where the
            title has none. Title, year and genres are missing for a rated film that is not listed,
            thus for all where there is no file of films.
        user_frame : DataFrame of shape (n_users, 5) or None
            One row per user who is listed or has rated, sorted by user: ``user``, ``gender``
            (string), ``age`` (nullable ``Int64``), ``occupation`` and ``zip_code`` (string).
            Missing, all but the first, for a user who has rated but is not listed. None where
            there is no file of users.
        feature_names : list of str
            The names of the columns of ``data``.
        item_features : list of str
            The names of the columns of ``data`` that describe the item; empty with
            ``features=False``.
        user_features : list of str
            The names of the columns of ``data`` that describe the user; empty with
            ``features=False``.
        target_names : list of str
            ``["rating"]``.
        DESCR : str
            Counts, columns, terms of use and what to cite.

    (data, target) : tuple if ``return_X_y`` is True
        As described above.

    Raises
    ------
    ValueError
        If ``features=True`` and ``as_frame=False``.
    FileNotFoundError
        If there is nothing at `path`, or no file of ratings in it.
    OSError
        If there are several files of ratings; if the archive is cut short or altered, has two
        members of one name, a member whose path leaves it or more text than an archive of MovieLens
        of its size; if a file is not a regular file; or if a line is none of MovieLens. The message
        names the file.

    See Also
    --------
    fetch_movielens : Download an edition of MovieLens and read it.
    load_movielens : 100,004 ratings that need no download.

    Notes
    -----
    Archives from unknown sources can be read safely. What is read of one is bounded, whatever it says
    about its sizes: 32 times its own size or 32 MiB, at most 2 GiB of ratings, 8 MiB of films and
    1 MiB of users. Editions of MovieLens stay below a sixth of that ratio and half of these sizes. Files in a folder
    may have any size. In both, a line has at most 4,096 bytes, none of them NUL.

    The data are not part of this library and not under its licence. GroupLens allows no commercial
    use without its permission; nor, of 100K, 1M and 10M, redistribution. Publications cite [1]_.

    References
    ----------
    .. [1] F. Maxwell Harper and Joseph A. Konstan (2015). "The MovieLens Datasets: History and
       Context". ACM Transactions on Interactive Intelligent Systems 5(4), Article 19.
       https://doi.org/10.1145/2827872

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_ncf.datasets import read_movielens
    >>> with TemporaryDirectory() as folder:
    ...     ratings = "1::1193::5::978300760\n2::661::3::978302109\n"
    ...     _ = Path(folder, "ratings.dat").write_text(ratings)
    ...     _ = Path(folder, "movies.dat").write_text("661::Made-up Film (1996)::Drama\n")
    ...     movielens = read_movielens(folder)
    >>> print(movielens.data)
       user  item
    0     1  1193
    1     2   661
    >>> movielens.target.tolist()
    [5.0, 3.0]
    >>> print(movielens.item_frame)
       item         title  year genres
    0   661  Made-up Film  1996  Drama
    1  1193          <NA>  <NA>   <NA>

    Age, gender and occupation as features; without a file of films, items have none:

    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "ratings.dat").write_text(ratings)
    ...     _ = Path(folder, "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    ...     movielens = read_movielens(folder, features=True)
    >>> print(movielens.data)
       user  item gender   age     occupation
    0     1  1193      F   1.0   K-12 student
    1     2   661      M  56.0  self-employed
    >>> movielens.item_features, movielens.user_features
    ([], ['gender', 'age', 'occupation'])
    """
    check_features(features, as_frame)
    path = Path(os.path.expanduser(os.fsdecode(path)))
    table, movies, users = read_files(path, str(path), only_ratings=return_X_y and not features)
    columns = {"item": {}, "user": {}}
    for key, listed in (("item", movies), ("user", users)):
        if features and listed is not None:
            columns[key] = expand_features(listed, table[key])
    if return_X_y:
        return data_and_target(table, as_frame, {**columns["item"], **columns["user"]})
    if movies is None:
        movies = pd.DataFrame({name: pd.Series(dtype=DTYPES[name]) for name in ITEM_COLUMNS})
    item_frame = _join(movies, table["item"])
    frames = {"item": item_frame, "user": None if users is None else _join(users, table["user"])}
    if as_frame:
        row = pd.Index(item_frame["item"]).get_indexer(table["item"])
        for name in ("title", "genres"):
            table[name] = item_frame[name].astype("category").array.take(row)
    return movielens_bunch(table, frames, columns, _describe(path.resolve().name, table), as_frame)


def read_files(path, name, *, only_ratings=False):
    """Return the tables of ratings, films and users, None without a file, from what messages call `name`."""
    with _open_root(path, name) as root:
        ratings, layout = _find_ratings(root)
        with _named(root.label(ratings), layout.rating_line), root.open(ratings, MAX_RATINGS_SIZE) as file:
            table = parse_ratings(file, layout)
        if only_ratings:
            return table, None, None
        path, parse = (*ratings[:-1], layout.movies), partial(parse_movies, layout=layout)
        movies = _read_listed(root, path, MAX_MOVIES_SIZE, layout.movie_line, parse)
        if layout.users is None:
            return table, movies, None
        path, parse = (*ratings[:-1], layout.users), partial(parse_users, layout=layout)
        return table, movies, _read_listed(root, path, MAX_USERS_SIZE, layout.user_line, parse)


def _open_root(path, name):
    """Return the folder or the archive as a context manager."""
    if path.is_dir():
        return open_folder(path)
    if path.exists():
        return open_archive(path, name)
    raise FileNotFoundError(
        f"there is nothing at {name}; read_movielens takes a zip archive of MovieLens or a folder with its files"
    )


@contextmanager
def _named(label, line):
    """Turn whatever reading raises into an OSError that names the file and shows a line as it should be."""
    try:
        yield
    except READ_ERRORS as error:
        raise OSError(f"{label} cannot be read: {error}; its lines should be like {line!r}") from error


def _find_ratings(root):
    """Return the path of the file of ratings, in the folder or in one folder of it, and its layout."""
    paths = [((*folder, layout.ratings), layout) for folder in root.folders for layout in LAYOUTS]
    found = [(path, layout) for path, layout in paths if root.exists(path) and not root.is_folder(path)]
    found = [(path, layout) for path, layout in found if len(path) == 1] or found
    if len(found) > 1:
        names = ", ".join(root.label(path) for path, _ in found)
        raise OSError(f"{root.name} has several files of ratings: {names}; pass the folder of one, with no other in it")
    if found:
        return found[0]
    names = ", ".join(layout.ratings for layout in LAYOUTS)
    folders = [root.label(path) for path, _ in paths if root.is_folder(path)]
    hint = f"; {folders[0]} is a folder" if folders else ""
    raise FileNotFoundError(f"neither {root.name} nor a folder in it has one of the files {names}{hint}")


def _read_listed(root, path, limit, line, parse):
    """Return the table of films or of users, or None where the file is missing."""
    if not root.exists(path):
        return None
    with _named(root.label(path), line), root.open(path, limit) as file:
        return parse(file.read())


def _join(listed, rated):
    """Return one row per item or user that is listed or rated, sorted by id."""
    ids = pd.DataFrame({rated.name: np.union1d(listed[rated.name], rated.unique())})
    # Not by reindex, whose index may be a RangeIndex since pandas 3, which overflows at the largest int64.
    return ids.merge(listed, on=rated.name, how="left")


def _describe(name, table):
    """Return the description of a table that was read from a file or folder of this name."""
    first, last = (np.datetime64(int(second), "s").astype("datetime64[D]") for second in _ends(table["timestamp"]))
    low, high = _ends(table["rating"])
    return DESCR.format(
        name=name,
        rule="-" * len(f"MovieLens, read from {name}"),
        n_ratings=len(table),
        n_users=table["user"].nunique(),
        n_items=table["item"].nunique(),
        first=first,
        last=last,
        low=low,
        high=high,
        citation=CITATION,
    )


def _ends(column):
    """Return the least and the greatest value."""
    return column.min(), column.max()
