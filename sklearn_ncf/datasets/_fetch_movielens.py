"""MovieLens from GroupLens, downloaded once and then read from the disk."""

import hashlib
import logging
import os
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

from sklearn.datasets import get_data_home
from sklearn.utils._param_validation import StrOptions, validate_params

from sklearn_ncf.datasets._read_movielens import READ_ERRORS, open_archive, read_movielens

BASE_URL = "https://files.grouplens.org/datasets/movielens/"
# Variant: its archive, and the MD5 that GroupLens publishes beside it. latest-small is renewed in place.
ARCHIVES = {
    "100k": ("ml-100k.zip", "0e33842e24a9c977be4e0107933c0723"),
    "1m": ("ml-1m.zip", "c4d9eecfca2ab87c1945afe126590906"),
    "10m": ("ml-10m.zip", "ce571fd55effeba0271552578f2648bd"),
    "latest-small": ("ml-latest-small.zip", None),
    "25m": ("ml-25m.zip", "6b51fb2759a8657d3bfcbfc42b592ada"),
    "32m": ("ml-32m.zip", "d472be332d4daa821edc399621853b57"),
}

N_RETRIES = 2
TIMEOUT = 30  # seconds without an answer
CHUNK_SIZE = 2**16  # bytes; pooch writes to the disk after each chunk, and its own are 1 KiB


@validate_params(
    {
        "variant": [StrOptions(set(ARCHIVES))],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def fetch_movielens(variant, *, data_home=None, download_if_missing=True, return_X_y=False, as_frame=True):
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

    Returns
    -------
    movielens : :class:`~sklearn.utils.Bunch`
        What :func:`read_movielens` returns: ``data``, ``target``, ``frame``, ``item_frame``,
        ``feature_names``, ``target_names`` and ``DESCR``.

    (data, target) : tuple if ``return_X_y`` is True
        The ids ``user`` and ``item``, and the ratings.

    Raises
    ------
    ImportError
        If the archive must be downloaded and ``pooch`` is not installed:
        ``pip install "sklearn-ncf[datasets]"``.
    OSError
        If the archive is not there and must not or cannot be downloaded, with what to put where; if
        what came is cut short, has another checksum or has a member whose path leaves it; if there
        is no space for it. A download that fails leaves no file behind.

    See Also
    --------
    read_movielens : Read an archive or a folder that lies elsewhere.
    load_movielens : 100,004 ratings that need no download.

    Notes
    -----
    The download is pooch's, with a progress bar on standard error: up to three tries, into a
    temporary file that gets its name only after the checks. The MD5 that GroupLens publishes is
    checked then, and before each use of the archive; a damaged archive is downloaded anew.
    ``"latest-small"`` has no fixed checksum, so its download is only checked to be a zip archive
    whose members are undamaged. The archive is read in place and never unpacked.

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
    name, checksum = ARCHIVES[variant]
    path = Path(get_data_home(data_home), "sklearn_ncf", "movielens", name)
    if not _is_intact(path, checksum):
        if not download_if_missing:
            raise _make_error_of_missing(path, checksum)
        _download(path, checksum)
    return read_movielens(path, return_X_y=return_X_y, as_frame=as_frame)


def _is_intact(path, checksum):
    """Whether the archive is there with its checksum or, if it has none, with the end of a zip archive."""
    if not path.is_file():
        return False
    if checksum is None:
        return zipfile.is_zipfile(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest() == checksum


def _make_error_of_missing(path, checksum):
    """Return the error of an archive that is not there intact and must not be downloaded."""
    kind, state = FileNotFoundError, "does not exist"
    if path.exists():
        found = "it is no complete zip archive" if checksum is None else f"its MD5 is not {checksum}"
        kind, state = OSError, f"is damaged, as {found}"
    return kind(f"{path} {state}, and download_if_missing=False; {_say_what_to_do(path)}")


def _say_what_to_do(path):
    """Return what to put where."""
    return (
        f"put the archive {BASE_URL}{path.name} at {path}, or pass an archive or a folder of MovieLens that is "
        "somewhere else to read_movielens"
    )


def _download(path, checksum):
    """Download the archive to its place, checked before it gets there."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "fetch_movielens downloads with the package pooch, which cannot be imported; install it with: "
            'pip install "sklearn-ncf[datasets]"'
        ) from error
    if checksum is None:
        # pooch would take whatever is there for the archive.
        path.unlink(missing_ok=True)
    responses = []
    transfer = pooch.HTTPDownloader(
        progressbar=True,
        chunk_size=CHUNK_SIZE,
        timeout=TIMEOUT,
        hooks={"response": lambda response, *args, **kwargs: responses.append(response)},
    )

    def download(url, file, cache):
        try:
            transfer(url, file, cache)
        finally:
            # pooch leaves the connection of a transfer that fails to the garbage collector.
            while responses:
                responses.pop().close()
        _check_download(file, path.name, checksum)

    cache = pooch.create(
        path=path.parent,
        base_url=BASE_URL,
        registry={path.name: checksum and f"md5:{checksum}"},
        retry_if_failed=N_RETRIES,
    )
    try:
        with _quiet(pooch.get_logger()):
            cache.fetch(path.name, downloader=download)
    # requests' errors are OSErrors; pooch raises ValueError for a wrong checksum.
    except (OSError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise OSError(f"{path.name} could not be downloaded: {reason}; {_say_what_to_do(path)}") from error


def _check_download(file, name, checksum):
    """Refuse what is no archive: by a ValueError, after which pooch tries again, where the transfer may be to blame."""
    if not zipfile.is_zipfile(file):
        raise ValueError(f"what came as {name} is no complete zip archive")
    with open_archive(file, name) as archive:
        if checksum is None:
            try:
                damaged = archive.testzip()
            except READ_ERRORS as error:
                raise ValueError(f"what came as {name} is damaged: {error}") from error
            if damaged is not None:
                raise ValueError(f"what came as {name} is damaged in {damaged}")


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
