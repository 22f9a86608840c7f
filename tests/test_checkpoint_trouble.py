"""Trouble with the folder of checkpoints: it costs a checkpoint, never a fit that was learned nor the real error."""

import builtins
import os
import shutil
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from skorch.callbacks import Callback

from sklearn_ncf import NCFRegressor
from sklearn_ncf.training._checkpoints import Checkpoints, read_state

CALLS = ("open", "replace", "fsync", "unlink", "rmdir", "mkdir", "listdir", "scandir", "stat")


class DiskFullError(OSError):
    """What the file system answers to one call."""


class Disk:
    """Counts the calls that reach the file system once training has begun, and fails one of them."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.fails_at = None
        self.n_calls = None  # before training

    def install(self, monkeypatch):
        modules = [(os, name) for name in CALLS] + [(builtins, "open")]
        fcntl = pytest.importorskip("fcntl")
        for module, name in [*modules, (fcntl, "flock")]:
            monkeypatch.setattr(module, name, self.wrap(getattr(module, name)))

    def wrap(self, call):
        def wrapped(target, *arguments, **options):
            is_ours = isinstance(target, int) or str(target).startswith(self.folder)
            if self.n_calls is not None and is_ours:
                self.n_calls += 1
                if self.n_calls == self.fails_at:
                    raise DiskFullError(28, "No space left on device")
            return call(target, *arguments, **options)

        return wrapped


class Begins(Callback):
    """Tells the disk that training has begun."""

    disk = None

    def on_train_begin(self, net, **kwargs):
        Begins.disk.n_calls = 0


def test_a_fit_is_returned_whatever_call_of_the_file_system_fails(quick, ratings, tmp_path, monkeypatch):
    X, y = ratings[0][:300], ratings[1][:300]
    whole = quick(max_epochs=2).fit(X, y).predict(X)
    disk = Begins.disk = Disk(tmp_path)
    disk.install(monkeypatch)

    def fit(number):
        disk.fails_at, disk.n_calls = number, None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = quick(max_epochs=2, checkpoint_dir=tmp_path / str(number), callbacks=[Begins()]).fit(X, y)
        np.testing.assert_array_equal(model.predict(X), whole)
        n_calls, disk.n_calls = disk.n_calls, None
        return n_calls, caught

    n_calls, caught = fit(-1)
    assert not caught
    assert n_calls > 20
    n_warned = 0
    for number in range(1, n_calls + 1):
        _, caught = fit(number)
        assert len(caught) <= 1
        for warning in caught:
            n_warned += 1
            assert str(tmp_path / str(number) / "fit-") in str(warning.message)
            assert "No space left on device" in str(warning.message)
            assert warning.filename == __file__
    assert n_warned > n_calls / 2


class Wrecks(Callback):
    """Does harm to the folder at an event."""

    at = how = folder = None

    def _tell(self, event, net):
        if (event, len(net.history)) == Wrecks.at:
            [folder] = Wrecks.folder.glob("fit-*")
            WAYS[Wrecks.how](folder)

    def on_train_begin(self, net, **kwargs):
        self._tell("train begin", net)

    def on_epoch_begin(self, net, **kwargs):
        self._tell("epoch begin", net)

    def on_batch_end(self, net, **kwargs):
        if len(net.history[-1, "batches"]) == 2:
            self._tell("batch end", net)

    def on_epoch_end(self, net, **kwargs):
        self._tell("epoch end", net)

    def on_train_end(self, net, **kwargs):
        self._tell("train end", net)


def replaced_by_file(folder):
    shutil.rmtree(folder)
    folder.write_text("a file")


def replaced_by_another_fit(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / ".lock").write_text("another fit's")


def replaced_by_folders(folder):
    for name in ("epoch-000001.pt", "epoch-000002.pt", "finished.pt"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()
        (folder / name / "content").write_text("")


WAYS = {
    "deleted": shutil.rmtree,
    "with its parent": lambda folder: shutil.rmtree(folder.parent),
    "a file": replaced_by_file,
    "another fit's": replaced_by_another_fit,
    "folders": replaced_by_folders,
}


@pytest.fixture(scope="module")
def whole(ratings):
    """Predictions of a fit without checkpoints."""
    X, y = ratings
    model = NCFRegressor("gmf", embedding_dim=8, max_epochs=2, random_state=0, device="cpu")
    return model.fit(X, y).predict(X)


MOMENTS = [("train begin", 0), ("epoch begin", 1), ("batch end", 1), ("epoch end", 2), ("train end", 2)]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("at", MOMENTS, ids=str)
def test_a_fit_is_returned_whatever_becomes_of_the_folder(quick, ratings, whole, tmp_path, monkeypatch, how, at):
    X, y = ratings
    for name, value in {"at": at, "how": how, "folder": tmp_path / "runs"}.items():
        monkeypatch.setattr(Wrecks, name, value)
    with pytest.warns(UserWarning, match=r"runs.fit-.*") as caught:
        model = quick(max_epochs=2, checkpoint_dir=tmp_path / "runs", callbacks=[Wrecks()]).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(model.predict(X), whole)


class RealError(Exception):
    """What a fit ends with."""


class Fails(Wrecks):
    """Fails after the harm is done."""

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net)
        raise RealError


@pytest.mark.parametrize("how", WAYS)
def test_the_real_error_is_not_hidden_by_trouble_with_the_folder(quick, ratings, tmp_path, monkeypatch, how):
    X, y = ratings
    for name, value in {"at": ("epoch end", 1), "how": how, "folder": tmp_path / "runs"}.items():
        monkeypatch.setattr(Wrecks, name, value)
    with pytest.raises(RealError):
        quick(checkpoint_dir=tmp_path / "runs", callbacks=[Fails()]).fit(X, y)


def test_what_cannot_be_recorded_costs_the_checkpoint_alone(quick, ratings, tmp_path):
    X, y = ratings

    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("sets", {1, 2})

        def __reduce__(self):
            return Wrecks, ()

    with pytest.warns(UserWarning, match=r"\.pt could not be written: .* no set; record another value") as caught:
        model = quick(checkpoint_dir=tmp_path, callbacks=[Records()]).fit(X, y)
    assert len(caught) == 1
    assert model.n_iter_ == 3


def test_equal_fits_that_come_and_go_never_trip_over_each_others_folders(tmp_path):
    barrier = threading.Barrier(6)

    def come_and_go():
        barrier.wait()
        for _ in range(25):
            checkpoints = Checkpoints(tmp_path, "a", keeps_all=False, device="cpu")
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                checkpoints.close()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(come_and_go) for _ in range(6)]:
            done.result()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["mkdir", "lock"])
def test_a_folder_that_another_fit_removes_meanwhile_is_made_again(tmp_path, monkeypatch, step):
    removed = []

    def remove_once(folder):
        if not removed:
            removed.append(folder)
            shutil.rmtree(folder)

    if step == "mkdir":
        make = Path.mkdir

        def mkdir(path, *arguments, **options):
            make(path, *arguments, **options)
            remove_once(path)
            if len(removed) == 1:
                removed.append(None)
                raise FileExistsError(17, "File exists", str(path))  # as pathlib does where the folder goes meanwhile

        monkeypatch.setattr(Path, "mkdir", mkdir)
    else:
        fcntl = pytest.importorskip("fcntl")
        lock = fcntl.flock

        def flock(descriptor, operation):
            remove_once(tmp_path / "fit-a")
            lock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", flock)
    checkpoints = Checkpoints(tmp_path, "a", keeps_all=False, device="cpu")
    assert checkpoints.folder.name in {"fit-a", "fit-a-2"}
    assert (checkpoints.folder / ".lock").exists()
    checkpoints.close()


def test_equal_fits_that_fail_at_once_all_say_why(quick, ratings, tmp_path):
    X, y = ratings

    def fit():
        with pytest.raises(RealError):
            quick(checkpoint_dir=tmp_path, callbacks=[Fails()]).fit(X[:100], y[:100])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(fit) for _ in range(12)]:
            done.result()
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_goes_between_listing_and_reading_is_not_found(quick, ratings, tmp_path, monkeypatch):
    X, y = ratings
    model = quick(checkpoint_dir=tmp_path, keep_checkpoints=True)
    whole = model.fit(X, y).predict(X)

    def vanishing(path, device):
        path.unlink(missing_ok=True)
        return read_state(path, device)

    monkeypatch.setattr("sklearn_ncf.training._checkpoints.read_state", vanishing)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), whole)


def test_what_stands_in_the_way_before_training_is_said_by_the_name_of_the_parameter(
    quick, ratings, tmp_path, monkeypatch
):
    X, y = ratings
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(OSError, match=r"checkpoint_dir='.*file.*' cannot be used: "):
            quick(checkpoint_dir=directory).fit(X, y)

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "mkdir", denied)
    with pytest.raises(PermissionError, match=r"checkpoint_dir='.*runs' cannot be used: .*Permission denied"):
        quick(checkpoint_dir=tmp_path / "runs").fit(X, y)
