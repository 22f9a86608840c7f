"""The files of a folder or of a zip archive, with bounds on what is read of them.

The bounds follow from the real editions of MovieLens and are checked while reading, because an archive may lie about
its sizes. The largest edition has 33.8 million ratings in 0.9 GB of text, 87,585 films in 4.2 MB, and 24 files. Its
text is 4 to 5 times as large as its archive. The largest edition with a file of users has 6,040 of them in 0.13 MB.
"""

import io
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager

# What zipfile, zlib and pandas raise for content that is damaged or is something else.
READ_ERRORS = (
    *(ArithmeticError, EOFError, LookupError, OSError, RuntimeError, ValueError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)

MAX_MEMBERS = 1000
MAX_NAME_LENGTH = 255
MAX_READ_SIZE = 2**20  # bytes read in one piece, as zipfile reads the list of members

MAX_LINE_LENGTH = 4096  # bytes
MIN_MEAN_LINE_LENGTH = 16  # bytes; a table of shorter lines is much larger than their text
MAX_RATIO = 32  # text to archive
SMALL_SIZE = 2**25  # bytes; MovieLens-1M has 24 MB of ratings. Up to here, a higher ratio is harmless.
MAX_RATINGS_SIZE = 2**31
MAX_MOVIES_SIZE = 2**23
MAX_USERS_SIZE = 2**20

WAY_OUT = "if you trust the archive, unpack it and pass the folder"


class CheckedFile(io.RawIOBase):
    """Text as a binary stream that raises ValueError at a NUL, a very long line or more than `limit` bytes."""

    def __init__(self, stream, limit=None):
        self._stream = stream
        self._limit = limit
        self._n_bytes = self._n_lines = self._unfinished = 0

    def readable(self):
        """Whether it can be read."""
        return True

    def readinto(self, buffer):
        """Read the next bytes into the buffer and check them."""
        data = self._stream.read(len(buffer))
        self._check(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self):
        """Close the stream below, too."""
        self._stream.close()
        super().close()

    def _check(self, data):
        # A line may end with \r alone, for pandas too.
        lines = data.replace(b"\r", b"\n") if b"\r" in data else data
        if b"\0" in data:
            number = self._n_lines + lines.count(b"\n", 0, data.index(b"\0")) + 1
            raise ValueError(f"line {number} has a NUL byte, so the file is not text in UTF-8 or Latin-1")
        start = -self._unfinished
        while len(lines) - start > MAX_LINE_LENGTH:
            end = lines.rfind(b"\n", max(start, 0), start + MAX_LINE_LENGTH + 1)
            if end < 0:
                number = self._n_lines + lines.count(b"\n", 0, max(start, 0)) + 1
                raise ValueError(f"line {number} is longer than {MAX_LINE_LENGTH:,} bytes")
            start = end + 1
        self._unfinished = len(lines) - (lines.rfind(b"\n") + 1 or start)
        self._n_bytes += len(data)
        self._n_lines += lines.count(b"\n") - data.count(b"\r\n")
        if self._limit is not None:
            for number, limit, unit in (
                (self._n_bytes, self._limit, "bytes"),
                (self._n_lines, self._limit // MIN_MEAN_LINE_LENGTH, "lines"),
            ):
                if number > limit:
                    raise ValueError(
                        f"it has more than {limit:,} {unit}, more than a MovieLens archive of this size; {WAY_OUT}"
                    )


class ArchiveFile(io.BufferedReader):
    """An open archive that refuses to give very much in one piece: zipfile would read any list of members."""

    def read(self, size=-1):
        """Read up to `size` bytes, or all that are left."""
        data = super().read(MAX_READ_SIZE + 1 if size < 0 else min(size, MAX_READ_SIZE + 1))
        if len(data) > MAX_READ_SIZE:
            raise ValueError(f"its list of members is larger than {MAX_READ_SIZE:,} bytes; {WAY_OUT}")
        return data


class Archive:
    """The files of a zip archive, whose paths are tuples of names."""

    def __init__(self, archive, name, size):
        self.name = name
        self._archive = archive
        self._members = {_split(member.filename): member for member in archive.infolist() if not _is_folder(member)}
        self.folders = sorted({path[:-1] for path in self._members if len(path) <= 2} | {()})
        self._limit = max(SMALL_SIZE, MAX_RATIO * size)

    def label(self, path):
        """Return what messages call the file."""
        return "/".join([self.name, *path])

    def exists(self, path):
        """Whether there is a file of this path."""
        return path in self._members

    def is_folder(self, path):
        """Whether there is a folder of this path."""
        return path in self.folders

    def open(self, path, limit):
        """Open a file for reading up to the limit, or up to what an archive of this size holds."""
        member = self._members[path]
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError(f"it is a link or another special file; {WAY_OUT}")
        return io.BufferedReader(CheckedFile(self._archive.open(member), min(limit, self._limit)), 2**16)

    def check(self):
        """Read all files, which compares their checksums; a ValueError names one that is damaged."""
        left = self._limit
        for path, member in self._members.items():
            try:
                with self._archive.open(member) as stream:
                    while data := stream.read(2**16):
                        left -= len(data)
                        if left < 0:
                            raise ValueError(f"it and the files before it have more than {self._limit:,} bytes")
            except READ_ERRORS as error:
                raise ValueError(f"{self.label(path)} cannot be read: {error}") from error


class Folder:
    """The files of a folder and of the folders in it, whose paths are tuples of names."""

    def __init__(self, root):
        self.name = str(root)
        self._root = root
        self.folders = [(), *sorted((child.name,) for child in root.iterdir() if child.is_dir())]

    def label(self, path):
        """Return what messages call the file."""
        return str(self._root.joinpath(*path))

    def exists(self, path):
        """Whether there is anything of this path, a broken link included."""
        return os.path.lexists(self._root.joinpath(*path))

    def is_folder(self, path):
        """Whether there is a folder of this path."""
        return self._root.joinpath(*path).is_dir()

    def open(self, path, limit):
        """Open a file for reading, without a limit: its text is on the user's disk in full."""
        path = self._root.joinpath(*path)
        # To open a pipe would wait for a writer, and a device may have no end.
        if not path.is_file():
            raise ValueError("it is not a regular file; put the file of MovieLens there")
        return io.BufferedReader(CheckedFile(path.open("rb")), 2**16)


@contextmanager
def open_archive(path, name=None):
    """Open a zip archive whose list of members is in order; errors call it by `name`."""
    name = name or str(path)
    # To open a pipe would wait for a writer.
    if not path.is_file():
        raise OSError(f"{name} is not a regular file; pass a zip archive of MovieLens or a folder with its files")
    try:
        file = ArchiveFile(io.FileIO(path))
    except OSError as error:
        raise OSError(f"{name} cannot be read: {error}") from error
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except READ_ERRORS as error:
            raise OSError(f"{name} is no complete zip archive: {error}") from error
        with archive:
            _check_members(archive.infolist(), name)
            yield Archive(archive, name, os.fstat(file.fileno()).st_size)


@contextmanager
def open_folder(path):
    """Open a folder, as `open_archive` opens an archive."""
    try:
        folder = Folder(path)
    except OSError as error:
        raise OSError(f"the folder {path} cannot be read: {error}") from error
    yield folder


def _check_members(members, name):
    """Refuse members that no archive from GroupLens has."""
    if len(members) > MAX_MEMBERS:
        raise OSError(f"{name} has {len(members):,} members, and at most {MAX_MEMBERS:,} are read; {WAY_OUT}")
    for member in members:
        fault = _find_fault(member)
        if fault:
            shown = repr(member.filename[:MAX_NAME_LENGTH])
            raise OSError(
                f"{name} has the member {shown}, {fault}; it is not from GroupLens as it is, and nothing of it is read"
            )
    seen = {}
    for member in members:
        # What is one file on some disk: Windows and macOS ignore case, Windows also dots and spaces at the end.
        key = tuple(unicodedata.normalize("NFC", part).casefold().rstrip(". ") for part in _split(member.filename))
        other = seen.setdefault(key, member)
        if other is not member:
            raise OSError(
                f"{name} has two members of one name, {other.filename!r} and {member.filename!r}; it is not from "
                "GroupLens as it is, and nothing of it is read"
            )
    for key in list(seen):
        for end in range(1, len(key)):
            other = seen.get(key[:end])
            if other is not None and not _is_folder(other):
                raise OSError(
                    f"{name} has the member {other.filename!r} both as a file and as a folder, of "
                    f"{seen[key].filename!r}; it is not from GroupLens as it is, and nothing of it is read"
                )


def _find_fault(member):
    """Return what is wrong with one member, or None."""
    if len(member.filename) > MAX_NAME_LENGTH:
        return f"whose name has more than {MAX_NAME_LENGTH} characters"
    # Empty parts too: they have sent zipfile.Path into an infinite loop (CVE-2024-8088).
    if not {"", ".", ".."}.isdisjoint(_split(member.filename)) or re.match("[A-Za-z]:", member.filename):
        return "whose path leaves the archive"
    # zipfile expands the others in one piece, whatever it is told to read.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "which is compressed by another method than deflate"
    return None


def _split(name):
    """Return the parts of a member's path."""
    return tuple(name.replace("\\", "/").removesuffix("/").split("/"))


def _is_folder(member):
    """Whether the member is a folder, also one that a program for Windows wrote."""
    return member.filename.endswith(("/", "\\"))
