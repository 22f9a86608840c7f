"""A local server gives what GroupLens gives, or does not, and a failed download leaves nothing behind."""

import errno
import gc
import hashlib
import http.client
import http.server
import io
import logging
import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pooch
import pytest
from movielens_archives import RATINGS, VARIANTS, make_archive, make_files, zip_of
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_ncf.datasets import _fetch_movielens, _movielens_files, _transfer, fetch_movielens, read_movielens


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer with what the server's `contents` have for the file: bytes, a status, headers, or bytes cut short."""

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        (self.server.checksum_requests if name.endswith(".md5") else self.server.requests).append(self.path)
        content = self.server.contents.get(name, 404)
        if isinstance(content, list):
            content = content.pop(0)
        if content == "silence":
            self.server.stopped.wait(30)
            return
        if isinstance(content, int):
            self.send_error(content)
            return
        if isinstance(content, dict):
            self.send_response(content["status"])
            for header in content.keys() - {"status", "body"}:
                self.send_header(header, content[header])
            self.end_headers()
            self.wfile.write(content["body"])
            return
        content, length = content if isinstance(content, tuple) else (content, len(content))
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        """Keep quiet."""


def checksum_file(content):
    return f"{hashlib.md5(content).hexdigest()}  ml-latest-small.zip\n".encode()


@pytest.fixture
def server(monkeypatch):
    """A server of all six archives in place of GroupLens; its `contents` are for tests to change."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.checksum_requests, server.stopped = [], [], threading.Event()
    server.contents = {_fetch_movielens.ARCHIVES[variant][0]: make_archive(variant) for variant in VARIANTS}
    server.contents["ml-latest-small.zip.md5"] = checksum_file(server.contents["ml-latest-small.zip"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for variant, (name, checksum) in _fetch_movielens.ARCHIVES.items():
        made = checksum and hashlib.md5(server.contents[name]).hexdigest()
        monkeypatch.setitem(_fetch_movielens.ARCHIVES, variant, (name, made))
    monkeypatch.setattr(_fetch_movielens, "BASE_URL", f"http://127.0.0.1:{server.server_port}/movielens/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    # pooch waits a second before it tries again, and two before the third time.
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    yield server
    server.stopped.set()
    server.shutdown()
    thread.join()
    server.server_close()


def place_of(variant, data_home):
    return data_home / "sklearn_ncf" / "movielens" / _fetch_movielens.ARCHIVES[variant][0]


def files_below(folder):
    return [path for path in folder.rglob("*") if not path.is_dir()]


def fails(variant, data_home, *parts, **parameters):
    """Check that fetching is an OSError that has all parts and says where to put the archive; return it."""
    with pytest.raises(OSError) as caught:  # noqa: PT011
        fetch_movielens(variant, data_home=data_home, **parameters)
    message = str(caught.value)
    url = _fetch_movielens.BASE_URL + _fetch_movielens.ARCHIVES[variant][0]
    for part in (*parts, url, str(place_of(variant, data_home)), "read_movielens"):
        assert part in message
    return caught.value


# What is fetched


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_fetched_and_read(server, tmp_path, variant):
    movielens = fetch_movielens(variant, data_home=tmp_path)
    pd.testing.assert_frame_equal(movielens.frame[list(RATINGS)], RATINGS)
    read = read_movielens(place_of(variant, tmp_path))
    pd.testing.assert_frame_equal(movielens.frame, read.frame)
    pd.testing.assert_frame_equal(movielens.item_frame, read.item_frame)
    assert movielens.DESCR == read.DESCR
    assert server.requests == [f"/movielens/{_fetch_movielens.ARCHIVES[variant][0]}"]
    assert files_below(tmp_path) == [place_of(variant, tmp_path)]


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
@pytest.mark.parametrize("download_if_missing", [True, False])
def test_what_is_there_is_not_fetched_again(server, tmp_path, variant, download_if_missing):
    first = fetch_movielens(variant, data_home=tmp_path)
    second = fetch_movielens(variant, data_home=str(tmp_path), download_if_missing=download_if_missing)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert len(server.requests) == 1


@pytest.mark.parametrize("as_frame", [True, False])
def test_return_x_y_gives_data_and_target(server, tmp_path, as_frame):
    X, y = fetch_movielens("1m", data_home=tmp_path, return_X_y=True, as_frame=as_frame)
    assert isinstance(X, pd.DataFrame if as_frame else np.ndarray)
    np.testing.assert_array_equal(X, RATINGS[["user", "item"]])
    np.testing.assert_array_equal(y, RATINGS["rating"])
    assert (fetch_movielens("1m", data_home=tmp_path, as_frame=as_frame).frame is None) is not as_frame


def test_data_home_is_that_of_scikit_learn(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    fetch_movielens("1m")
    assert files_below(tmp_path) == [place_of("1m", tmp_path / "home")]


def test_archive_put_there_by_hand_needs_no_pooch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    path = place_of("latest-small", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(make_archive("latest-small"))
    assert len(fetch_movielens("latest-small", data_home=tmp_path).target) == len(RATINGS)


def test_real_addresses_and_checksums_are_those_of_grouplens():
    assert _fetch_movielens.BASE_URL == "https://files.grouplens.org/datasets/movielens/"
    assert list(_fetch_movielens.ARCHIVES) == list(VARIANTS)
    for variant, (name, checksum) in _fetch_movielens.ARCHIVES.items():
        assert name == f"ml-{variant}.zip"
        # GroupLens renews latest-small in place.
        assert checksum is None if variant == "latest-small" else re.fullmatch("[0-9a-f]{32}", checksum)


def test_progress_is_shown_and_the_log_of_pooch_is_not(server, tmp_path, capfd, monkeypatch):
    logger = pooch.get_logger()
    said = []
    handler = logging.Handler()
    handler.emit = said.append
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.info("heard before")
    fetch_movielens("1m", data_home=tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err
    logger.info("heard after")
    assert [record.getMessage() for record in said] == ["heard before", "heard after"]


# What fails


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
@pytest.mark.parametrize("length_is_sent", [True, False])
def test_download_cut_short_leaves_nothing(server, tmp_path, variant, length_is_sent):
    name = _fetch_movielens.ARCHIVES[variant][0]
    content = server.contents[name]
    server.contents[name] = (content[: len(content) // 2], len(content) if length_is_sent else None)
    fails(variant, tmp_path)
    assert files_below(tmp_path) == []
    assert len(server.requests) == 1 + _fetch_movielens.N_RETRIES


def test_altered_download_without_a_checksum_leaves_nothing(server, tmp_path):
    content = bytearray(server.contents["ml-latest-small.zip"])
    content[60] ^= 0xFF
    server.contents["ml-latest-small.zip"] = bytes(content)
    fails("latest-small", tmp_path, "ml-latest-small/")
    assert files_below(tmp_path) == []


def test_wrong_checksum_is_named_and_leaves_nothing(server, tmp_path):
    server.contents["ml-1m.zip"] = make_archive("25m")
    fails("1m", tmp_path, "hash", _fetch_movielens.ARCHIVES["1m"][1])
    assert files_below(tmp_path) == []


def test_page_instead_of_the_archive_is_an_error(server, tmp_path):
    server.contents["ml-1m.zip"] = b"<html>Please log in</html>"
    fails("1m", tmp_path, "no complete zip archive")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", ["../../../evil", "/evil", "..\\evil"])
def test_member_whose_path_leaves_the_folder_is_an_error_and_not_tried_again(server, tmp_path, monkeypatch, name):
    content = zip_of({**make_files("1m"), name: b"evil"})
    server.contents["ml-1m.zip"] = content
    monkeypatch.setitem(_fetch_movielens.ARCHIVES, "1m", ("ml-1m.zip", hashlib.md5(content).hexdigest()))
    fails("1m", tmp_path / "home", repr(name))
    assert files_below(tmp_path) == []
    assert len(server.requests) == 1


class FullDisk(io.FileIO):
    """A file that takes half of a chunk."""

    def write(self, chunk):
        super().write(chunk[: len(chunk) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_leaves_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.downloaders.open", FullDisk, raising=False)
    fails("1m", tmp_path, "No space left on device")
    assert files_below(tmp_path) == []


def test_no_network_is_an_error_that_says_what_to_put_where(server, tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(_fetch_movielens, "BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}/")
        fails("1m", tmp_path)
    assert files_below(tmp_path) == []


def test_server_that_is_silent_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_fetch_movielens, "TIMEOUT", 0.1)
    server.contents["ml-1m.zip"] = "silence"
    fails("1m", tmp_path, "timed out")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("status", [404, 503])
def test_status_of_the_server_is_in_the_error(server, tmp_path, status):
    server.contents["ml-1m.zip"] = status
    fails("1m", tmp_path, str(status))
    assert files_below(tmp_path) == []
    # A connection left open would warn here.
    gc.collect()


def test_download_that_fails_once_is_tried_again(server, tmp_path):
    archive = server.contents["ml-1m.zip"]
    server.contents["ml-1m.zip"] = [503, (archive[:100], len(archive)), archive]
    assert len(fetch_movielens("1m", data_home=tmp_path).target) == len(RATINGS)
    assert len(server.requests) == 3


def test_interrupt_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(_fetch_movielens, "_check_download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_movielens("1m", data_home=tmp_path)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
def test_damaged_archive_is_fetched_anew(server, tmp_path, variant):
    path = place_of(variant, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(make_archive(variant)[:-30])
    assert len(fetch_movielens(variant, data_home=tmp_path).target) == len(RATINGS)
    assert files_below(tmp_path) == [path]


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
def test_damaged_archive_is_an_error_where_nothing_may_be_downloaded(server, tmp_path, variant):
    path = place_of(variant, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(make_archive(variant)[:-30])
    found = "no complete zip archive" if variant == "latest-small" else _fetch_movielens.ARCHIVES[variant][1]
    fails(variant, tmp_path, "damaged", found, download_if_missing=False)
    assert server.requests == []


def test_missing_archive_is_an_error_where_nothing_may_be_downloaded(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    error = fails("1m", tmp_path, "ml-1m.zip", "download_if_missing=False", download_if_missing=False)
    assert isinstance(error, FileNotFoundError)
    assert server.requests == []


def test_without_pooch_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=re.escape('pip install "sklearn-ncf[datasets]"')):
        fetch_movielens("1m", data_home=tmp_path)


# What is verified


def redirect(target, status=302, body=b""):
    return {"status": status, "location": target, "body": body}


@pytest.fixture
def other_server():
    """A server of another port, thus another one, that gives all archives; its address is given."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = server.checksum_requests = []
    server.contents = {_fetch_movielens.ARCHIVES[variant][0]: make_archive(variant) for variant in VARIANTS}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("form", ["http://127.0.0.1:{port}/{name}", "//127.0.0.1:{port}/{name}"])
def test_redirect_to_another_server_is_refused_before_it_is_asked(
    server, other_server, tmp_path, variant, status, form
):
    name = _fetch_movielens.ARCHIVES[variant][0]
    target = form.format(port=other_server.server_port, name=name)
    server.contents[name] = redirect(target, status)
    fails(variant, tmp_path, "redirects to", f"127.0.0.1:{other_server.server_port}/{name}")
    assert other_server.requests == []
    assert len(server.requests) == 1
    assert files_below(tmp_path) == []


def test_checksum_from_another_server_is_refused(server, other_server, tmp_path):
    server.contents["ml-latest-small.zip.md5"] = redirect(f"http://127.0.0.1:{other_server.server_port}/x.md5")
    fails("latest-small", tmp_path, "ml-latest-small.zip.md5 redirects to")
    assert other_server.requests == []
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "target", "is_same"),
    [
        ("https://files.grouplens.org/a.zip", "https://files.grouplens.org/b/a.zip", True),
        ("https://files.grouplens.org/a.zip", "https://files.grouplens.org:443/a.zip", True),
        ("https://files.grouplens.org/a.zip", "https://FILES.grouplens.org/a.zip", True),
        ("https://files.grouplens.org/a.zip", "http://files.grouplens.org/a.zip", False),
        ("https://files.grouplens.org/a.zip", "https://files.grouplens.org:444/a.zip", False),
        ("https://files.grouplens.org/a.zip", "https://files.grouplens.org@example.org/a.zip", False),
        ("https://files.grouplens.org/a.zip", "https://files.grouplens.org.example.org/a.zip", False),
        ("https://files.grouplens.org/a.zip", "https://grouplens.org/a.zip", False),
        ("https://files.grouplens.org/a.zip", "file:///etc/passwd", False),
        ("https://files.grouplens.org/a.zip", "ftp://files.grouplens.org/a.zip", False),
    ],
)
def test_redirect_is_followed_to_the_same_scheme_host_and_port_alone(monkeypatch, tmp_path, url, target, is_same):
    asked = []

    def request(url, *args):
        asked.append(url)
        return target if len(asked) == 1 else None

    monkeypatch.setattr(_transfer, "_request", request)
    if is_same:
        _transfer.transfer(url, tmp_path / "a.zip", limit=1, timeout=1)
        assert asked == [url, target]
    else:
        with pytest.raises(OSError, match=re.escape(f"{url} redirects to {target}")):
            _transfer.transfer(url, tmp_path / "a.zip", limit=1, timeout=1)
        assert asked == [url]


def test_redirect_on_the_same_server_is_followed(server, tmp_path):
    server.contents["moved.zip"] = server.contents["ml-1m.zip"]
    server.contents["ml-1m.zip"] = redirect("/elsewhere/moved.zip")
    assert len(fetch_movielens("1m", data_home=tmp_path).target) == len(RATINGS)


def test_redirects_in_a_circle_are_refused(server, tmp_path):
    server.contents["ml-1m.zip"] = redirect("ml-1m.zip")
    fails("1m", tmp_path, "redirects more than 5 times")


@pytest.mark.parametrize("place", ["ml-1m.zip", "ml-latest-small.zip", "ml-latest-small.zip.md5"])
@pytest.mark.parametrize("length_is_sent", [True, False])
def test_download_of_any_size_is_stopped(server, tmp_path, monkeypatch, place, length_is_sent):
    name = place.removesuffix(".md5")
    monkeypatch.setitem(_fetch_movielens.SIZE_LIMITS, name, 2**17)
    body = b"a" * 2**22
    server.contents[place] = {"status": 200, "body": body} | ({"content-length": len(body)} if length_is_sent else {})
    fails("1m" if name == "ml-1m.zip" else "latest-small", tmp_path, f"{place} is larger than the")
    assert files_below(tmp_path) == []
    assert len(server.requests) == 1


def test_body_of_a_redirect_is_not_read(server, tmp_path, monkeypatch):
    server.contents["moved.zip"] = server.contents["ml-1m.zip"]
    server.contents["ml-1m.zip"] = redirect("moved.zip", body=b"a" * 2**20)
    sizes = []
    read = http.client.HTTPResponse.read
    monkeypatch.setattr(http.client.HTTPResponse, "read", lambda *a, **k: sizes.append(len(d := read(*a, **k))) or d)
    assert len(fetch_movielens("1m", data_home=tmp_path).target) == len(RATINGS)
    assert 0 < sum(sizes) <= len(server.contents["moved.zip"])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_download_that_is_to_be_expanded_is_refused(server, tmp_path, encoding):
    server.contents["ml-1m.zip"] = {"status": 200, "content-encoding": encoding, "body": b""}
    fails("1m", tmp_path, "content encoding", encoding)
    assert files_below(tmp_path) == []


def test_size_limits_are_near_the_published_sizes():
    published = {"100k": 4_924_029, "1m": 5_917_549, "10m": 65_566_137, "latest-small": 978_202}
    published |= {"25m": 261_978_986, "32m": 238_950_008}
    for variant, size in published.items():
        limit = _fetch_movielens.SIZE_LIMITS[_fetch_movielens.ARCHIVES[variant][0]]
        assert size < limit < (20 if variant == "latest-small" else 1.2) * size


@pytest.mark.parametrize("form", ["{md5}  ml-latest-small.zip\n", "MD5 (ml-latest-small.zip) = {md5}\n", "{md5}"])
def test_published_checksum_verifies_the_edition_that_is_renewed(server, tmp_path, form):
    md5 = hashlib.md5(server.contents["ml-latest-small.zip"]).hexdigest()
    server.contents["ml-latest-small.zip.md5"] = form.format(md5=md5).encode()
    assert len(fetch_movielens("latest-small", data_home=tmp_path).target) == len(RATINGS)
    server.contents["ml-latest-small.zip.md5"] = form.format(md5="0" * 32).encode()
    fails("latest-small", tmp_path / "other", "MD5", "0" * 32)
    assert files_below(tmp_path / "other") == []


@pytest.mark.parametrize("content", [b"", b"<html>Please log in</html>", b"0" * 32 + b" a\n" + b"1" * 32 + b" b\n"])
def test_checksum_that_is_none_is_an_error(server, tmp_path, content):
    server.contents["ml-latest-small.zip.md5"] = content
    fails("latest-small", tmp_path, "ml-latest-small.zip.md5 has no MD5")
    assert files_below(tmp_path) == []


def test_checksum_that_a_server_refuses_to_give_is_an_error(server, tmp_path):
    server.contents["ml-latest-small.zip.md5"] = 503
    fails("latest-small", tmp_path, "503")
    assert files_below(tmp_path) == []


def test_download_renewed_between_archive_and_checksum_is_tried_again(server, tmp_path):
    archive = server.contents["ml-latest-small.zip"]
    server.contents["ml-latest-small.zip.md5"] = [b"0" * 32, checksum_file(archive)]
    assert len(fetch_movielens("latest-small", data_home=tmp_path).target) == len(RATINGS)
    assert len(server.requests) == 2


def test_download_without_a_published_checksum_warns_at_the_line_of_the_caller(server, tmp_path):
    del server.contents["ml-latest-small.zip.md5"]
    with pytest.warns(UserWarning, match=r"cannot be verified.*ml-latest-small\.zip\.md5") as caught:
        fetch_movielens("latest-small", data_home=tmp_path)
    assert [warning.filename for warning in caught] == [__file__]
    # Once, as it is there.
    fetch_movielens("latest-small", data_home=tmp_path)


@pytest.mark.parametrize("other", ["1m", "25m"])
@pytest.mark.parametrize("is_published", [True, False])
def test_another_edition_in_place_of_the_one_that_is_renewed_is_refused(server, tmp_path, other, is_published):
    content = server.contents["ml-latest-small.zip"] = make_archive(other)
    server.contents["ml-latest-small.zip.md5"] = checksum_file(content) if is_published else 404
    fails("latest-small", tmp_path, "another edition", "ml-latest-small.zip/ml-latest-small/ratings.csv")
    assert files_below(tmp_path) == []


def test_archive_that_cannot_be_read_is_not_kept(server, tmp_path):
    folder = "ml-latest-small"
    for name, content in {"ratings.csv": b"userId,movieId\n", "movies.csv": b"x\n"}.items():
        archive = zip_of({**make_files("latest-small"), f"{folder}/{name}": content})
        server.contents |= {"ml-latest-small.zip": archive, "ml-latest-small.zip.md5": checksum_file(archive)}
        fails("latest-small", tmp_path, f"ml-latest-small.zip/{folder}/{name} cannot be read")
        assert files_below(tmp_path) == []


def test_download_that_expands_without_end_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_movielens_files, "SMALL_SIZE", 2**16)
    archive = zip_of({**make_files("latest-small"), "ml-latest-small/tags.csv": b"0" * 2**24})
    server.contents |= {"ml-latest-small.zip": archive, "ml-latest-small.zip.md5": checksum_file(archive)}
    fails("latest-small", tmp_path, "ml-latest-small/tags.csv", "bytes")
    assert files_below(tmp_path) == []


def test_archive_altered_in_its_place_is_fetched_again(server, tmp_path):
    path = place_of("latest-small", tmp_path)
    path.parent.mkdir(parents=True)
    content = bytearray(make_archive("latest-small"))
    content[60] ^= 0xFF
    path.write_bytes(content)
    fails("latest-small", tmp_path, "is damaged", "ml-latest-small/", download_if_missing=False)
    assert len(fetch_movielens("latest-small", data_home=tmp_path).target) == len(RATINGS)


# Where it is kept


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
@pytest.mark.parametrize("there", [None, b"damaged"])
def test_threads_that_fetch_at_once_all_get_the_archive_and_leave_one_file(server, tmp_path, variant, there):
    path = place_of(variant, tmp_path)
    if there is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(there)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: fetch_movielens(variant, data_home=tmp_path).target.tolist(), range(8)))
    assert found == [RATINGS["rating"].to_list()] * 8
    assert list(path.parent.iterdir()) == [path]


def test_what_is_no_file_in_the_place_of_the_archive_is_refused(server, tmp_path):
    path = place_of("1m", tmp_path)
    path.mkdir(parents=True)
    with pytest.raises(OSError, match=re.escape(f"{path} is not a regular file; remove it")):
        fetch_movielens("1m", data_home=tmp_path)
    assert server.requests == []


@pytest.mark.parametrize("data_home", ["file", "file/below", "a\0b"])
def test_data_home_that_cannot_be_a_folder_is_shown(server, tmp_path, data_home):
    (tmp_path / "file").write_text("")
    home = tmp_path / data_home
    with pytest.raises(OSError, match=r"data_home=.*cannot be used.*pass a folder"):
        fetch_movielens("1m", data_home=home)


@pytest.mark.parametrize("flag", [np.True_, np.False_])
def test_booleans_and_strings_of_numpy_mean_what_those_of_python_mean(server, tmp_path, flag):
    home = np.str_(tmp_path)
    movielens = fetch_movielens(np.str_("1m"), data_home=home, as_frame=flag)
    assert (movielens.frame is not None) == bool(flag)
    assert isinstance(fetch_movielens("1m", data_home=home, return_X_y=flag), tuple) == bool(flag)
    assert len(fetch_movielens("1m", data_home=home, download_if_missing=flag).target) == len(RATINGS)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("variant", "20m"), ("data_home", 3), ("download_if_missing", 1), ("return_X_y", "no"), ("as_frame", None)],
)
def test_parameter_out_of_range_is_named(parameter, value):
    with pytest.raises(InvalidParameterError, match=f"'{parameter}' parameter of fetch_movielens"):
        fetch_movielens(**{"variant": "1m", parameter: value})
