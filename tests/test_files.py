"""Files that are written atomically, also by several writers at once."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sklearn_ncf._files import write_atomic


def test_writers_of_one_path_at_once_leave_a_whole_file_and_readers_see_no_part(tmp_path):
    path = tmp_path / "model.onnx"
    contents = [bytes([letter]) * (50_000 + 10_000 * letter) for letter in range(3)]
    write_atomic(path, contents[0])
    barrier = threading.Barrier(4)

    def write(content):
        barrier.wait()
        for _ in range(25):
            write_atomic(path, content)

    def read():
        barrier.wait()
        return {path.read_bytes() for _ in range(100)}

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, content) for content in contents]
        seen = pool.submit(read).result()
        for writer in writers:
            writer.result()
    assert seen <= set(contents)
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_says_why_and_leaves_the_file_of_before(tmp_path, monkeypatch, step):
    path = tmp_path / "model.onnx"
    write_atomic(path, b"before")

    def fail(*arguments):
        monkeypatch.setattr(os, "unlink", denied)  # the temporary file cannot be removed either
        raise OSError(28, "No space left on device")

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomic(path, b"after")
    assert path.read_bytes() == b"before"


def test_a_file_has_the_permissions_and_the_length_of_name_that_open_allows(tmp_path):
    path = tmp_path / ("n" * 250 + ".onnx")  # 255 bytes, the longest name of most file systems
    path.with_name("by open").write_bytes(b"")
    write_atomic(path, b"content")
    assert path.stat().st_mode == path.with_name("by open").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="folders are synchronized on POSIX alone")
def test_a_file_system_that_cannot_synchronize_folders_is_none_of_the_writers_trouble(tmp_path, monkeypatch):
    synchronize = os.fsync

    def fsync(descriptor):
        if os.path.samestat(os.fstat(descriptor), tmp_path.stat()):
            raise OSError(22, "Invalid argument")
        synchronize(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(tmp_path / "model.onnx", b"content")
    assert (tmp_path / "model.onnx").read_bytes() == b"content"
