"""Checkpoints: the folder of a fit, whose troubles cost a checkpoint and never the fit."""

import contextlib
import errno
import io
import os
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout

from sklearn_ncf._files import TEMPORARY, write_atomic
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.training._checkpoint_state import state_of_training
from sklearn_ncf.training._skorch import Callback

MAGIC = b"sklearn_ncf checkpoint 1, crc32 "
HEADER = len(MAGIC) + 9  # with eight hexadecimal digits and the end of the line
FINISHED = "finished.pt"
LAST_SEED = np.iinfo(np.int32).max
ATTEMPTS = 100  # to make and lock a folder that equal fits remove at the same time


def write_state(path: Path, state: dict) -> None:
    """Write plain values and tensors to a file, whole or not at all.

    Behind a line with a check sum stands what ``torch.load(..., weights_only=True)`` reads.
    """
    buffer = io.BytesIO(b" " * HEADER)
    buffer.seek(HEADER)
    torch.save(state, buffer)
    content = buffer.getbuffer()
    content[:HEADER] = MAGIC + b"%08x\n" % zlib.crc32(content[HEADER:])
    write_atomic(path, content)


def read_state(path: Path, device: str) -> dict:
    """What `write_state` wrote, with its tensors on a device. No code of the file is run, whatever it holds."""
    content = path.read_bytes()
    header, payload = content[:HEADER], memoryview(content)[HEADER:]
    if header != MAGIC + b"%08x\n" % zlib.crc32(payload):
        raise ValueError(
            f"{path} is no checkpoint of this version of sklearn_ncf, or was cut short or altered. Remove it to train "
            "from the start, or put back a copy of it."
        )
    try:
        return torch.load(io.BytesIO(payload), map_location=device, weights_only=True)
    except Exception as error:  # a file made to look like ours
        raise ValueError(
            f"{path} holds something else than a checkpoint ({error}). Remove it to train from the start."
        ) from error


class NoCheckpoints:
    """What stands for checkpoints where none are written: a state to resume from, if there is one, and its seed.

    Attributes
    ----------
    state : dict or None
        The state found.
    source : Path or None
        The file that it was read from.
    seed : int or None
        That of the training, to be set where no state was found.
    """

    writes = False

    def __init__(self, state: dict | None = None, source: Path | None = None) -> None:
        self.state = state
        self.source = source
        self.seed: int | None = state and state["seed"]

    def finish(self, net) -> None:
        """Nothing is written."""

    def close(self, *, quietly: bool = False) -> None:
        """Nothing is held."""


class Checkpoints(NoCheckpoints):
    """A training's folder: takes what is written after each epoch, and gives what an earlier run has left.

    The folder is named after a fingerprint of the training and locked while it runs, so that of two equal trainings at
    the same time each has one. It holds the state after the last epoch, or after each one; when the training is
    finished, the fitted weights alone.

    Once training has begun, no trouble with the folder is an error: the first one is a `UserWarning`.

    Parameters
    ----------
    directory : path-like
        Where the folder is made.
    fingerprint : str
        What tells trainings apart.
    keeps_all : bool
        Whether the states of all epochs stay.
    device : str
        Where a state is to be loaded.
    """

    writes = True

    def __init__(self, directory, fingerprint: str, *, keeps_all: bool, device: str) -> None:
        self.keeps_all = keeps_all
        self._has_warned = False
        try:
            self.folder, self._lock = _first_free(Path(directory), f"fit-{fingerprint}")
            try:
                self._lock_file = _stat_of(self._lock)
                for left in self.folder.glob("*" + TEMPORARY):  # of a process killed while it wrote
                    with contextlib.suppress(OSError):
                        left.unlink()
                super().__init__(*self._latest(device))
            except BaseException:
                self.close(quietly=True)
                raise
        except (OSError, NotImplementedError) as error:  # the latter where files cannot be locked
            message = f"checkpoint_dir={str(directory)!r} cannot be used: {error}"
            raise OSError(getattr(error, "errno", None), message) from error

    def close(self, *, quietly: bool = False) -> None:
        """Let others have the folder; one that holds nothing goes. Quietly, where another error is on its way."""
        for step in (self._remove_lock_of_empty_folder, self._lock.release, self._remove_empty_folder):
            try:
                step()
            except Exception as error:
                if not quietly:
                    self._warn(f"The folder of checkpoints {self.folder} could not be left in order: {error}.")

    def write(self, net) -> None:
        """Write the state after an epoch, and remove that of the one before."""
        self._write(f"epoch-{len(net.history):06d}.pt", net)

    def finish(self, net) -> None:
        """Write what was fitted, and remove the rest."""
        if self.state is None or self.state["optimizer"] is not None:
            self._write(FINISHED, net, finished=True)

    def _write(self, name: str, net, *, finished: bool = False) -> None:
        path = self.folder / name
        try:
            self._check_folder()
            earlier = self._epochs()
            write_state(path, state_of_training(net, finished=finished) | {"seed": self.seed})
        except Exception as error:
            self._warn(
                f"The checkpoint {path} could not be written: {error}. Training continues without it; an earlier one "
                "is kept."
            )
            return
        for other in earlier:
            if other != path and not self.keeps_all:
                try:
                    other.unlink(missing_ok=True)
                except OSError as error:
                    self._warn(f"The earlier checkpoint {other} could not be removed: {error}.")

    def _latest(self, device: str) -> tuple[dict, Path] | tuple[None, None]:
        """The state of the finished fit, else that of the last epoch, and its file."""
        for path in [self.folder / FINISHED, *reversed(self._epochs())]:
            with contextlib.suppress(FileNotFoundError):
                state = read_state(path, device)
                seed = state.get("seed") if isinstance(state, dict) else None
                if type(seed) is not int or not 0 <= seed <= LAST_SEED:
                    raise ValueError(f"{path} does not hold a state with a seed. Remove it to train from the start.")
                return state, path
        return None, None

    def _epochs(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if re.fullmatch(r"epoch-\d+\.pt", path.name))

    def _check_folder(self) -> None:
        """Raise `OSError` where the folder was removed, and another fit has made one of its name."""
        with contextlib.suppress(FileNotFoundError):
            if not os.path.samestat(os.stat(self._lock.lock_file), self._lock_file):
                raise OSError(errno.EBUSY, "Another fit has taken the place of the folder")

    def _remove_lock_of_empty_folder(self) -> None:
        # Before the lock is released: after that the file may be another fit's.
        if not any(path.suffix == ".pt" for path in self.folder.iterdir()):
            with contextlib.suppress(PermissionError):  # on Windows, where no open file can be removed
                Path(self._lock.lock_file).unlink(missing_ok=True)

    def _remove_empty_folder(self) -> None:
        try:
            self.folder.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise

    def _warn(self, message: str) -> None:
        """Warn once of trouble in a fit, at the line that called the library."""
        if self._has_warned:
            return
        self._has_warned = True
        warn_caller(message)


class WriteCheckpoints(Callback):
    """Writes the state of the training after each epoch."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints

    def on_epoch_end(self, net, **kwargs):
        self.checkpoints.write(net)


def _first_free(directory: Path, name: str) -> tuple[Path, FileLock]:
    """The first folder of that name, or with a number behind it, that no other training holds, and its lock.

    Equal fits may remove a folder between any two steps here; then it is made again.
    """
    number = 1
    attempts_left = ATTEMPTS
    while True:
        folder = directory / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / ".lock", timeout=0)
            lock.acquire()
            if _is_in_place(lock):
                return folder, lock
            lock.release()
        except Timeout:
            number += 1
        except OSError:
            if not attempts_left:
                raise
            attempts_left -= 1


def _is_in_place(lock: FileLock) -> bool:
    """Whether the file that is locked is the one at its path: another fit may have removed it, and a third made it."""
    try:
        return os.path.samestat(_stat_of(lock), os.stat(lock.lock_file))
    except FileNotFoundError:
        return False


def _stat_of(lock: FileLock) -> os.stat_result:
    return os.fstat(lock._context.lock_file_fd)
