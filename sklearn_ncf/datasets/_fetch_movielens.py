"""MovieLens from GroupLens, downloaded once and then read from the disk."""

import hashlib
import io
import logging
import os
import re
import tempfile
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

from sklearn.datasets import get_data_home

from sklearn_ncf._sklearn_compat import StrOptions, validate_params
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.datasets._movielens_bunch import check_features
from sklearn_ncf.datasets._movielens_files import open_archive
from sklearn_ncf.datasets._read_movielens import read_files, read_movielens
from sklearn_ncf.datasets._transfer import transfer

BASE_URL = "https://files.grouplens.org/datasets/movielens/"
# Variant: its archive, and the MD5 that GroupLens publishes beside it. latest-small is renewed in place, so its MD5 is
# downloaded with it.
ARCHIVES = {
    "100k": ("ml-100k.zip", "0e33842e24a9c977be4e0107933c0723"),
    "1m": ("ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906"),
    "10m": ("ml-10m.zip", "ce571fd55effeba0271552578f2648bd"),
    "latest-small": ("ml-latest-small.zip", None),
    "25m": ("ml-25m.zip", "6b51fb2759a8657d3bfcbfc42b592ada"),
    "32m": ("ml-32m.zip", "d472be332d4daa821edc399621853b57"),
}

# Bytes of each archive at most: latest-small may grow, the others are as large as they are.
SIZE_LIMITS = {
    "ml-100k.zip": 5 * 2**20,
    "ml-1m.zip": 6 * 2**20,
    "ml-10m.zip": 64 * 2**20,
    "ml-latest-small.zip": 16 * 2**20,
    "ml-25m.zip": 256 * 2**20,
    "ml-32m.zip": 256 * 2**20,
}
MAX_CHECKSUM_FILE_SIZE = 1024  # bytes

N_RETRIES = 2
TIMEOUT = 30  # seconds without an answer


@validate_params(
    {
        "variant": [StrOptions(set(ARCHIVES))],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
        "features": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_movielens(
    variant, *, data_home=None, download_if_missing=True, return_X_y=False, as_frame=True, features=False
):
    r"""Load an edition of MovieLens, downloaded from GroupLens if it is not there yet.

    ==================  ==========  =======  ======  ============  ========
    Variant             Ratings     Users    Films   Stars         Download
    ==================  ==========  =======  ======  ============  ========
    ``"100k"``          100,000     943      1,682   1 to 5        5 MB
    ``"1m"``            1,000,209   6,040    3,883   1 to 5        6 MB
    ``"10m"``           10,000,054  69,878   10,681  0.5 to 5      66 MB
    ``"latest-small"``  100,836     610      9,742   0.5 to 5      1 MB
    ``"25m"``           25,000,095  162,541  62,423  0.5 to 5      262 MB
    ``"32m"``           32,000,204  200,948  87,585  0.5 to 5      239 MB
    ==================  ==========  =======  ======  ============  ========

    The films are those that the edition lists. GroupLens renews ``"latest-small"`` from time to
    time; the figures are those of 2018. The other editions never change, and are for results that
    others are to repeat.

    Parameters
    ----------
    variant : {"100k", "1m", "10m", "latest-small", "25m", "32m"}
        Which edition.
    data_home : str or path-like, default=None
        Where scikit-learn's data sets are kept. None is the folder of
        :func:`sklearn.datasets.get_data_home`: ``~/scikit_learn_data``, or what the environment
        variable ``SCIKIT_LEARN_DATA`` says. The archive lies below it, in
        ``sklearn_ncf/movielens``, under GroupLens' name: ``ml-100k.zip``, ``ml-1m.zip``,
        ``ml-10m.zip``, ``ml-latest-small.zip``, ``ml-25m.zip`` or ``ml-32m.zip``. One that is put
        there by hand is used.
    download_if_missing : bool, default=True
        If False, an archive that is not there is an error.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        If True, ``data`` is a DataFrame, ``target`` a Series and ``frame`` the whole table. If
        False, ``data`` and ``target`` are NumPy arrays and ``frame`` is None.
    features : bool, default=False
        If True, ``data`` also has the columns ``genres`` and ``year`` of items and, in ``"100k"``
        and ``"1m"``, ``gender``, ``age`` and ``occupation`` of users, as :func:`read_movielens`
        describes them. Needs ``as_frame=True``.

    Returns
    -------
    movielens : :class:`~sklearn.utils.Bunch`
        What :func:`read_movielens` returns: ``data``, ``target``, ``frame``, ``item_frame``,
        ``user_frame``, ``feature_names``, ``item_features``, ``user_features``, ``target_names``
        and ``DESCR``.

    (data, target) : tuple if ``return_X_y`` is True
        The ids ``user`` and ``item``, with ``features=True`` what is known of them, and the ratings.

    Raises
    ------
    ImportError
        If the archive must be downloaded and ``pooch`` is not installed:
        ``pip install "sklearn-ncf[datasets]"``.
    ValueError
        If ``features=True`` and ``as_frame=False``.
    OSError
        If the archive is missing and must not or cannot be downloaded, with what to put where; if
        what came is cut short, too large, another edition or has another checksum; if the server
        redirects to another server or to an unencrypted connection; if :func:`read_movielens`
        refuses the archive; if there is no space for it. A download that fails leaves no file
        behind.

    Warns
    -----
    UserWarning
        If ``"latest-small"`` was downloaded and GroupLens publishes no checksum to verify it by.

    See Also
    --------
    read_movielens : Read an archive or a folder that lies elsewhere.
    load_movielens : 100,004 ratings that need no download.

    Notes
    -----
    pooch downloads, with a progress bar on standard error: up to three tries, into a temporary
    separate folder, from which the archive is moved to its place only after the checks. Several
    threads or processes may do so at once. The MD5 that GroupLens publishes is checked then, and
    before each use of the archive; a damaged archive is downloaded again. The MD5 of
    ``"latest-small"`` changes with each renewal: it is downloaded too, from ``ml-latest-small.zip.md5``,
    for the check of the download; before each use its files are compared with the checksums in the
    archive. The archive is read in place and never unpacked.

    The data are not part of this library and not under its licence. GroupLens allows no commercial
    use without its permission; nor, of 100K, 1M and 10M, redistribution. Publications cite [1]_.

    References
    ----------
    .. [1] F. Maxwell Harper and Joseph A. Konstan (2015). "The MovieLens Datasets: History and
       Context". ACM Transactions on Interactive Intelligent Systems 5(4), Article 19.
       https://doi.org/10.1145/2827872

    Examples
    --------
    An archive that is put where the download would be is all that it takes offline:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from zipfile import ZipFile
    >>> from sklearn_ncf.datasets import fetch_movielens
    >>> with TemporaryDirectory() as data_home:
    ...     folder = Path(data_home, "sklearn_ncf", "movielens")
    ...     folder.mkdir(parents=True)
    ...     with ZipFile(folder / "ml-latest-small.zip", "w") as archive:
    ...         ratings = "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n"
    ...         archive.writestr("ml-latest-small/ratings.csv", ratings)
    ...     X, y = fetch_movielens("latest-small", data_home=data_home, return_X_y=True)
    >>> print(X.assign(rating=y))
       user  item  rating
    0     1    31     2.5
    """
    check_features(features, as_frame)
    name, checksum = ARCHIVES[variant]
    path = _find_place(data_home, name)
    damage = _find_damage(path, checksum)
    if damage is not None:
        if not download_if_missing:
            raise _make_error_of_missing(path, damage)
        if not _download(path, checksum):
            warn_caller(
                f"{name} cannot be verified: GroupLens publishes no checksum at {BASE_URL}{name}.md5. It came from "
                "GroupLens' server and is read as it is; for results that others are to repeat, take an edition that "
                "never changes, such as '1m'."
            )
    return read_movielens(path, return_X_y=return_X_y, as_frame=as_frame, features=features)


def _find_place(data_home, name):
    """Return the path of an archive in a folder for data, which is made."""
    try:
        home = get_data_home(None if data_home is None else os.fsdecode(data_home))
    except (OSError, ValueError) as error:
        raise OSError(f"data_home={data_home!r} cannot be used: {error}; pass a folder to write to") from error
    return Path(home, "sklearn_ncf", "movielens", name)


def _find_damage(path, checksum):
    """Return what keeps the archive at its place from being used, or None."""
    if not path.exists():
        return "does not exist"
    if not path.is_file():
        raise OSError(f"{path} is not a regular file; remove it, as it is in the place of an archive of MovieLens")
    if checksum is None:
        try:
            with open_archive(path) as archive:
                archive.check()
        except (OSError, ValueError) as error:
            return f"is damaged: {error}"
    elif _md5(path) != checksum:
        return f"is damaged, as its MD5 is not {checksum}"
    return None


def _md5(path):
    """Return the MD5 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _make_error_of_missing(path, damage):
    """Return the error of an archive that is not there intact and must not be downloaded."""
    kind = OSError if path.exists() else FileNotFoundError
    return kind(f"{path} {damage}, and download_if_missing=False; {_say_what_to_do(path)}")


def _say_what_to_do(path):
    """Return what to put where."""
    return (
        f"put the archive {BASE_URL}{path.name} at {path}, or pass an archive or a folder of MovieLens that is "
        "somewhere else to read_movielens"
    )


def _download(path, checksum):
    """Download the archive to its place, checked before it gets there; return whether it has a published MD5."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "fetch_movielens downloads with the package pooch, which cannot be imported; install it with: "
            'pip install "sklearn-ncf[datasets]"'
        ) from error
    verified = True

    def download(url, file, cache):
        nonlocal verified
        transfer(url, file, limit=SIZE_LIMITS[path.name], timeout=TIMEOUT, progressbar=True)
        _check_download(Path(file), path.name, checksum)
        if checksum is None:
            published = _fetch_checksum(f"{url}.md5")
            verified = published is not None
            if verified and _md5(Path(file)) != published:
                raise ValueError(f"the MD5 hash of what came as {path.name} is not {published}, which {url}.md5 has")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In an empty folder: pooch would take a damaged archive without a known checksum for the download. To replace
        # the archive in one step is safe beside others who download or read it.
        with tempfile.TemporaryDirectory(prefix=f"{path.stem}-", dir=path.parent) as scratch:
            cache = pooch.create(
                path=scratch,
                base_url=BASE_URL,
                registry={path.name: checksum and f"md5:{checksum}"},
                retry_if_failed=N_RETRIES,
            )
            with _quiet(pooch.get_logger()):
                downloaded = cache.fetch(path.name, downloader=download)
            os.replace(downloaded, path)
    # requests' errors are OSErrors; pooch raises ValueError for a wrong checksum.
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise OSError(f"{path.name} could not be downloaded: {reason}; {_say_what_to_do(path)}") from error
    return verified


def _fetch_checksum(url):
    """Return the MD5 that is published at the address, or None where there is none."""
    import requests

    content = io.BytesIO()
    try:
        transfer(url, content, limit=MAX_CHECKSUM_FILE_SIZE, timeout=TIMEOUT)
    except requests.HTTPError as error:
        if error.response.status_code == requests.codes.not_found:
            return None
        raise
    found = re.findall(r"\b[0-9a-f]{32}\b", content.getvalue().decode("latin-1").lower())
    if len(found) != 1:
        raise ValueError(f"{url} has no MD5 hash")
    return found[0]


def _check_download(file, name, checksum):
    """Refuse what is no archive: by a ValueError, after which pooch tries again, where the transfer may be to blame."""
    if not zipfile.is_zipfile(file):
        raise ValueError(f"what came as {name} is no complete zip archive")
    with open_archive(file, name) as archive:
        if checksum is not None:
            return
        try:
            archive.check()
        except ValueError as error:
            raise ValueError(f"what came as {name} is damaged: {error}") from error
        for member in ("ratings.csv", "movies.csv"):
            path = (name.removesuffix(".zip"), member)
            if not archive.exists(path):
                raise OSError(f"what came as {name} is another edition, as it lacks {archive.label(path)}")
    read_files(file, name)


@contextmanager
def _quiet(logger):
    """Hold back what pooch would print about a download: the progress bar and the errors say it."""
    thread = threading.get_ident()  # what pooch logs for others is theirs

    def is_warning(record):
        return record.levelno >= logging.WARNING or threading.get_ident() != thread

    # Not setLevel: pooch's logger is none of logging's tree and goes on with the levels that it has looked up before.
    logger.addFilter(is_warning)
    try:
        yield
    finally:
        logger.removeFilter(is_warning)
