"""Checkpoints: a training that was cut off goes on to the same bits, and nothing else is ever taken up."""

import io
import os
import pickle
import re
import subprocess
import sys
import time
import zlib
from functools import partial

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EpochScoring, LRScheduler

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.training._checkpoints import HEADER, MAGIC, Checkpoints, read_state, write_state


class PowerCutError(Exception):
    """What ends a training in the middle of an epoch, without a chance to tidy up."""


class CutsPower(Callback):
    """Ends a training at a batch of an epoch. Pickles as the same bytes whether it is to do so or not."""

    at = None

    def on_batch_end(self, net, training, **kwargs):
        if training and CutsPower.at == (len(net.history), len(net.history[-1, "batches"])):
            raise PowerCutError


@pytest.fixture
def cut(monkeypatch):
    """Fit a model that is cut off in an epoch."""

    def fit(model, *data, epoch=3, batch=2, **more):
        with monkeypatch.context() as patch:
            patch.setattr(CutsPower, "at", (epoch, batch))
            with pytest.raises(PowerCutError):
                model.fit(*data, **more)

    return fit


SETTINGS = {
    "default": {},
    "neumf": {"architecture": "neumf", "dropout": 0.2},
    "row-wise": {"optimizer": "rowwise_adamw"},
    "sgd": {"optimizer": torch.optim.SGD, "learning_rate": 0.1},
    "early stopping": {"early_stopping": True, "learning_rate_schedule": "constant", "patience": 2, "max_epochs": 12},
    "own schedule": {
        "callbacks": [("steps", LRScheduler("StepLR", step_size=2)), EpochScoring("r2", name="r2", on_train=False)],
        "early_stopping": True,
    },
    "generator": {"random_state": np.random.RandomState(3)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_fit_that_was_cut_off_goes_on_to_the_same_bits(quick, ratings, tmp_path, cut, name):
    X, y = ratings

    def model(**params):
        settings = {"max_epochs": 5, **SETTINGS[name], **params}
        settings["callbacks"] = [*settings.get("callbacks", []), CutsPower()]
        if not isinstance(settings.get("random_state", 0), int):
            settings["random_state"] = np.random.RandomState(3)
        return quick(**settings)

    whole = model().fit(X, y)
    for epoch in (3, 4):  # cut off twice
        cut(model(checkpoint_dir=tmp_path), X, y, epoch=epoch)
    resumed = model(checkpoint_dir=tmp_path).fit(X, y)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    timeless = whole.history_.drop(columns="duration")
    assert resumed.history_.drop(columns="duration").equals(timeless)
    assert resumed.best_epoch_ == whole.best_epoch_
    assert resumed.n_iter_ == whole.n_iter_


def test_a_ranker_that_was_cut_off_goes_on_to_the_same_bits(ratings, tmp_path, cut):
    X, _ = ratings
    settings = {"embedding_dim": 8, "max_epochs": 5, "random_state": 0, "device": "cpu", "callbacks": [CutsPower()]}
    settings |= {"early_stopping": True, "scoring": "ndcg", "loss": "bce", "patience": 2}
    whole = NCFRanker(**settings).fit(X)
    cut(NCFRanker(**settings, checkpoint_dir=tmp_path), X)
    resumed = NCFRanker(**settings, checkpoint_dir=tmp_path).fit(X)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    assert resumed.best_epoch_ == whole.best_epoch_


def test_only_the_epochs_that_are_left_are_run(quick, ratings, tmp_path, cut):
    X, y = ratings
    epochs = []

    class Counts(CutsPower):
        def on_epoch_begin(self, net, **kwargs):
            epochs.append(len(net.history))

        def __reduce__(self):
            return (CutsPower, ())

    model = quick(checkpoint_dir=tmp_path, max_epochs=5, callbacks=[Counts()])
    cut(model, X, y)
    assert not hasattr(model, "net_")
    epochs.clear()
    model.fit(X, y)
    assert epochs == [3, 4, 5]
    epochs.clear()
    again = quick(checkpoint_dir=tmp_path, max_epochs=5, callbacks=[Counts()]).fit(X, y)
    assert epochs == []
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.history_.equals(model.history_)


def test_a_finished_fit_leaves_its_weights_alone(quick, ratings, tmp_path):
    X, y = ratings
    model = quick(checkpoint_dir=tmp_path).fit(X, y)
    [folder] = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "finished.pt"]
    state = read_state(folder / "finished.pt", "cpu")
    fitted = model.net_.module_.state_dict()
    assert all(torch.equal(state["module"][name], fitted[name]) for name in fitted)
    assert state["optimizer"] is None


def test_all_epochs_stay_where_that_is_asked_for(quick, ratings, tmp_path):
    X, y = ratings
    quick(checkpoint_dir=str(tmp_path), keep_checkpoints=True).fit(X, y)
    [folder] = tmp_path.iterdir()
    names = sorted(path.name for path in folder.glob("*.pt"))
    assert names == ["epoch-000001.pt", "epoch-000002.pt", "epoch-000003.pt", "finished.pt"]


def test_other_parameters_or_data_start_from_the_beginning(quick, ratings, tmp_path):
    X, y = ratings
    quick(checkpoint_dir=tmp_path).fit(X, y)
    others = [
        (quick(random_state=1), X, y),
        (quick(embedding_dim=9), X, y),
        (quick(callbacks=[CutsPower()]), X, y),
        (quick(), X[:-1], y[:-1]),
        (quick(), X.assign(user=X["user"] + 1), y),
        (quick(), X, y.where(y.index != 5, 3.25)),
        (quick(), X[::-1], y[::-1]),
        (quick(early_stopping=True), X, y),
    ]
    for model, *data in others:
        alone = model.fit(*data).predict(X[:50])
        beside = model.set_params(checkpoint_dir=tmp_path).fit(*data).predict(X[:50])
        np.testing.assert_array_equal(beside, alone)
    assert len(list(tmp_path.iterdir())) == 1 + len(others)


def test_weights_and_a_validation_part_tell_fits_apart(quick, ratings, tmp_path):
    X, y = ratings
    model = quick(checkpoint_dir=tmp_path)
    for more in ({}, {"sample_weight": np.arange(len(y)) + 1}, {"X_val": X, "y_val": y}, {"X_val": X, "y_val": y + 1}):
        model.fit(X, y, **more)
    assert len(list(tmp_path.iterdir())) == 4


def test_warm_starts_go_on_from_their_own_beginnings(quick, ratings, tmp_path):
    X, y = ratings

    def fit(**params):
        model = quick(warm_start=True, **params)
        return [model.fit(X, y).predict(X) for _ in range(3)]

    alone = fit()
    np.testing.assert_array_equal(fit(checkpoint_dir=tmp_path), alone)
    np.testing.assert_array_equal(fit(checkpoint_dir=tmp_path), alone)
    assert len(list(tmp_path.iterdir())) == 3


def test_device_and_verbosity_do_not_tell_fits_apart(quick, ratings, tmp_path, capsys):
    X, y = ratings
    for params in ({"device": "cpu"}, {"device": "auto"}, {"verbose": 1}):
        quick(checkpoint_dir=tmp_path, **params).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_function_without_a_name_is_refused_with_a_reason(quick, ratings, tmp_path):
    X, y = ratings
    scoring = EpochScoring(lambda net, X, y: 0.0, name="mine")
    with pytest.raises(ValueError, match=r"one function without a name of its own, .*<lambda>"):
        quick(checkpoint_dir=tmp_path, callbacks=[scoring]).fit(X, y)


def mine(net, X, y, value=0.0):
    return value


def yours(net, X, y):
    return 1.0


def test_callbacks_are_told_apart_by_their_parts_and_not_by_their_addresses(quick, ratings, tmp_path):
    X, y = ratings
    for scoring in (mine, yours, "r2", partial(mine, value=1.0), partial(mine, value=2.0), mine):
        quick(checkpoint_dir=tmp_path, early_stopping=True, callbacks=[EpochScoring(scoring, name="n")]).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 5


def test_a_network_of_ones_own_goes_on(quick, ratings, tmp_path, cut, own_network):
    X, y = ratings
    settings = {"architecture": own_network, "max_epochs": 4, "callbacks": [CutsPower()]}
    whole = quick(**settings).fit(X, y)
    cut(quick(**settings, checkpoint_dir=tmp_path), X, y)
    np.testing.assert_array_equal(quick(**settings, checkpoint_dir=tmp_path).fit(X, y).predict(X), whole.predict(X))


def test_two_equal_fits_at_once_have_a_folder_each(tmp_path):
    first = Checkpoints(tmp_path, "a", keeps_all=False, device="cpu")
    second = Checkpoints(tmp_path, "a", keeps_all=False, device="cpu")
    assert first.folder != second.folder
    names = {first.folder.name, second.folder.name}
    assert names == {"fit-a", "fit-a-2"}
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []  # neither has written anything


def test_a_fit_that_fails_leaves_no_folder(quick, ratings, tmp_path):
    X, y = ratings
    with pytest.raises(FloatingPointError):
        quick(checkpoint_dir=tmp_path, learning_rate=1e30, optimizer=torch.optim.SGD, rating_range=None).fit(X, y)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_cleared_away(quick, ratings, tmp_path, cut):
    X, y = ratings
    model = quick(checkpoint_dir=tmp_path, callbacks=[CutsPower()])
    cut(model, X, y)
    [folder] = tmp_path.iterdir()
    (folder / "epoch-000003.pt.tmp").write_bytes(b"half")
    model.fit(X, y)
    assert not list(folder.glob("*.tmp"))


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(quick, ratings, tmp_path, monkeypatch):
    X, y = ratings
    whole = quick().fit(X, y)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    model = quick(checkpoint_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.warns(UserWarning, match=r"\.pt could not be written: .*No space left"):
            model.fit(X, y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path = tmp_path / "epoch-000001.pt"
    write_state(path, {"epoch": 1})
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_state(path, {"epoch": 2})
    assert read_state(path, "cpu") == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_an_error_before_training(quick, ratings, tmp_path):
    X, y = ratings
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        quick(checkpoint_dir=tmp_path / "file").fit(X, y)


def test_an_interrupt_in_an_epoch_keeps_the_one_before(quick, ratings, tmp_path):
    X, y = ratings

    class Interrupts(Callback):
        after = 2

        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == Interrupts.after:
                raise KeyboardInterrupt

        def __reduce__(self):
            return (CutsPower, ())

    whole = quick(max_epochs=4).fit(X, y)
    model = quick(max_epochs=4, checkpoint_dir=tmp_path, callbacks=[Interrupts()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    Interrupts.after = None
    np.testing.assert_array_equal(model.fit(X, y).predict(X), whole.predict(X))


def hostile(content, kind, canary):
    """A checkpoint file gone wrong, one way or another."""

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {canary}",)

    def ours(payload):
        return MAGIC + b"%08x\n" % zlib.crc32(payload) + payload

    if kind == "cut":
        return content[: len(content) // 2]
    if kind == "empty":
        return b""
    if kind == "flipped":
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
    if kind == "header":
        return content[: HEADER - 2] + b"z" + content[HEADER - 1 :]
    if kind == "pickle":
        return pickle.dumps(Bomb())
    if kind == "pickle with our header":
        return ours(pickle.dumps(Bomb()))
    buffer = io.BytesIO()
    torch.save({"module": Bomb()}, buffer)
    return ours(buffer.getvalue())


@pytest.mark.parametrize(
    "kind", ["cut", "empty", "flipped", "header", "pickle", "pickle with our header", "torch file with our header"]
)
def test_a_file_gone_wrong_is_refused_by_name_and_runs_no_code(quick, ratings, tmp_path, kind):
    X, y = ratings
    model = quick(checkpoint_dir=tmp_path / "runs").fit(X, y)
    before = model.predict(X)
    [path] = (tmp_path / "runs").glob("*/finished.pt")
    path.write_bytes(hostile(path.read_bytes(), kind, tmp_path / "canary"))
    with pytest.raises(ValueError, match=re.escape(str(path))):
        model.fit(X, y)
    assert not (tmp_path / "canary").exists()
    np.testing.assert_array_equal(model.predict(X), before)
    path.unlink()
    np.testing.assert_array_equal(model.fit(X, y).predict(X), before)


def test_a_state_with_more_than_plain_values_is_no_state(tmp_path):
    path = tmp_path / "state.pt"
    write_state(path, {"numbers": [1, 2.5, None, "text", (1, 2)], "tensor": torch.arange(3)})
    state = read_state(path, "cpu")
    assert state["numbers"] == [1, 2.5, None, "text", (1, 2)]
    write_state(path, {"model": NCFRegressor()})
    with pytest.raises(ValueError, match=r"state\.pt holds something else than a checkpoint"):
        read_state(path, "cpu")


FIT = """
import sys, torch
torch.set_num_threads(1)
import numpy as np
from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import make_ratings
X, y = make_ratings(n_users=200, n_items=100, n_ratings=20_000, random_state=0)
folder = sys.argv[1] if len(sys.argv) > 1 else None
model = NCFRegressor("neumf", embedding_dim=8, batch_size=256, max_epochs=12, random_state=0, checkpoint_dir=folder)
print("begins", flush=True)
model.fit(X, y)
sys.stdout.write("ends " + model.predict(X).tobytes().hex()[:4000])
"""


@pytest.mark.slow
def test_a_fit_killed_at_any_moment_goes_on_to_the_same_bits(tmp_path):
    def start(*arguments):
        return subprocess.Popen([sys.executable, "-c", FIT, *arguments], stdout=subprocess.PIPE, text=True)

    whole = start().communicate()[0].split("ends ")[1]
    for wait in (0.3, 0.8):
        with start(str(tmp_path)) as process:
            assert process.stdout.readline() == "begins\n"
            time.sleep(wait)
            process.kill()
    assert start(str(tmp_path)).communicate()[0].split("ends ")[1] == whole
    [folder] = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "finished.pt"]
