"""Atomic writes: a file appears as a whole or not at all, however many writers there are."""

import contextlib
import os
import secrets

TEMPORARY = ".tmp"  # how the name of a file ends that is being written


def write_atomic(path, content):
    """Write bytes to a file: into a temporary one beside it, flushed to the disk, then renamed.

    The temporary file has a unique name in each call, and is created with the permissions that `open` gives.
    """
    temporary = path.with_name(f".sklearn_ncf-{secrets.token_hex(8)}{TEMPORARY}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        with contextlib.suppress(OSError):  # the file is written; some file systems cannot synchronize a folder
            _synchronize_folder(path.parent)


def _synchronize_folder(folder):
    """Make a new name in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
