"""Files that are written whole or not at all."""

import os

TEMPORARY = ".tmp"  # how the name of a file ends that is being written


def write_whole(path, content):
    """Write bytes to a file: into a temporary one beside it, flushed to the disk, then renamed."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name, too, must outlive a power cut
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
