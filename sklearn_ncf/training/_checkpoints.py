"""Checkpoints: the state of a training after each epoch, so that one that was cut off goes on to the same bits."""

import contextlib
import io
import re
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from skorch.callbacks import Callback, EarlyStopping

from sklearn_ncf._files import TEMPORARY, write_whole
from sklearn_ncf.nn import FastDropout, generator_on

MAGIC = b"sklearn_ncf checkpoint 1, crc32 "
HEADER = len(MAGIC) + 9  # with eight hexadecimal digits and the end of the line
FINISHED = "finished.pt"


def write_state(path: Path, state: dict) -> None:
    """Write plain values and tensors to a file, whole or not at all.

    Behind a line with a check sum stands what ``torch.load(..., weights_only=True)`` reads.
    """
    buffer = io.BytesIO(b" " * HEADER)
    buffer.seek(HEADER)
    torch.save(state, buffer)
    content = buffer.getbuffer()
    content[:HEADER] = MAGIC + b"%08x\n" % zlib.crc32(content[HEADER:])
    write_whole(path, content)


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
    """What stands for checkpoints where none are written: a state to go on from, if there is one, and its seed."""

    writes = False

    def __init__(self, state: dict | None = None) -> None:
        self.state = state
        self.seed: int | None = state and state["seed"]

    def finish(self, net) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """Nothing is held."""


class Checkpoints(NoCheckpoints):
    """A training's folder: takes what is written after each epoch, and gives what an earlier run has left.

    The folder is named after a fingerprint of the training and locked while it runs, so that of two equal trainings at
    the same time each has one. It holds the state after the last epoch, or after each one; when the training is
    finished, the fitted weights alone.

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

    Attributes
    ----------
    state : dict or None
        The state found.
    seed : int or None
        That of the training, to be set where none was found.
    """

    writes = True

    def __init__(self, directory, fingerprint: str, *, keeps_all: bool, device: str) -> None:
        self.keeps_all = keeps_all
        self.folder, self._lock = _first_free(Path(directory), f"fit-{fingerprint}")
        try:
            for left in self.folder.glob("*" + TEMPORARY):  # of a process killed while it wrote
                left.unlink()
            paths = [path for path in [self.folder / FINISHED, *reversed(self._epochs())] if path.exists()]
            super().__init__(read_state(paths[0], device) if paths else None)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others have the folder; one that holds nothing goes."""
        empty = not any(path.suffix == ".pt" for path in self.folder.iterdir())
        self._lock.release()
        if empty:
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self.folder.rmdir()

    def write(self, net) -> None:
        """Write the state after an epoch, and remove that of the one before."""
        self._write(f"epoch-{len(net.history):06d}.pt", state_of_training(net))

    def finish(self, net) -> None:
        """Write what was fitted, and remove the rest."""
        if self.state is None or self.state["optimizer"] is not None:
            self._write(FINISHED, state_of_training(net, finished=True))

    def _write(self, name: str, state: dict) -> None:
        path, earlier = self.folder / name, self._epochs()
        try:
            write_state(path, state | {"seed": self.seed})
            if not self.keeps_all:
                for other in earlier:
                    if other != path:
                        other.unlink()
        except OSError as error:
            warnings.warn(
                f"The checkpoint {path} could not be written: {error}. Training goes on without it; an earlier one "
                "stays.",
                UserWarning,
                stacklevel=2,
            )

    def _epochs(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if re.fullmatch(r"epoch-\d+\.pt", path.name))


class WriteCheckpoints(Callback):
    """Writes the state of the training after each epoch."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints

    def on_epoch_end(self, net, **kwargs):
        self.checkpoints.write(net)


def _first_free(directory: Path, name: str) -> tuple[Path, FileLock]:
    """The first folder of that name, or with a number behind it, that no other training holds, and its lock."""
    number = 1
    while True:
        folder = directory / (name if number == 1 else f"{name}-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
            return folder, lock
        except Timeout:
            number += 1


def state_of_training(net, *, finished: bool = False) -> dict:
    """Plain values and tensors that a training goes on from, or those of a finished one."""
    state = {
        "module": net.module_.state_dict(),
        "history": _plain(net.history.to_list()),
        "callbacks": {name: _state_of_callback(callback, finished) for name, callback in net.callbacks_},
        "optimizer": None,
    }
    if not finished:
        state["optimizer"] = _plain(net.optimizer_.state_dict())
        state["masks"] = {name: layer.ahead for name, layer in _dropouts(net) if layer.ahead is not None}
        state["random"] = generator_on("cpu").get_state()
        if torch.device(net.device).type == "cuda":
            state["random_cuda"] = generator_on(net.device).get_state()
    return state


def restore_training(net, state: dict) -> None:
    """Bring a net, whose training has begun, to where `state_of_training` was."""
    net.module_.load_state_dict(state["module"])
    net.history.extend(state["history"])
    for name, callback in net.callbacks_:
        _restore_callback(callback, state["callbacks"].get(name, {}))
    if state["optimizer"] is None:
        return
    net.optimizer_.load_state_dict(state["optimizer"])
    for name, layer in _dropouts(net):
        layer.ahead = state["masks"].get(name)
    generator_on("cpu").set_state(state["random"].cpu())
    if "random_cuda" in state and torch.device(net.device).type == "cuda":
        generator_on(net.device).set_state(state["random_cuda"].cpu())


def has_stopped(net) -> bool:
    """Whether early stopping has ended a training."""
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ >= callback.patience for _, callback in net.callbacks_
    )


def _dropouts(net):
    return [(name, layer) for name, layer in net.module_.named_modules() if isinstance(layer, FastDropout)]


def _state_of_callback(callback, finished: bool) -> dict:
    """The plain ones among a callback's fitted attributes, and what its schedule knows."""
    fitted = {name: value for name, value in vars(callback).items() if name.endswith("_")}
    if finished:
        fitted.pop("best_model_weights_", None)  # the fitted ones
    state = _plain_ones(fitted)
    schedule = getattr(callback, "lr_scheduler_", None)
    if hasattr(schedule, "state_dict"):
        state["lr_scheduler_"] = _plain_ones(schedule.state_dict())
    return state


def _restore_callback(callback, state: dict) -> None:
    for name, value in state.items():
        if name == "lr_scheduler_":
            if hasattr(callback, name):
                getattr(callback, name).load_state_dict(value)
        else:
            setattr(callback, name, value)


def _plain_ones(values: dict) -> dict:
    """Those that `_plain` knows; functions, files and the like are as training begins with them."""
    plain = {}
    for name, value in values.items():
        with contextlib.suppress(TypeError):
            plain[name] = _plain(value)
    return plain


def _plain(value):
    """A value as ``torch.load(..., weights_only=True)`` reads it; TypeError if there is none."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {key: _plain(of_key) for key, of_key in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(_plain, value))
    if value is None or type(value) in (bool, int, float, str) or isinstance(value, torch.Tensor):
        return value
    raise TypeError(
        f"A checkpoint holds numbers, texts and arrays, no {type(value).__name__}; record another value in the history."
    )
