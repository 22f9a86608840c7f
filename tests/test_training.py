"""The training path: batches, losses, callbacks, interrupts and checkpoints."""

import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler, ProgressBar

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.training import InteractionDataset, resolve_device
from sklearn_ncf.training._batches import BatchIterator
from sklearn_ncf.training._objectives import RATING_OBJECTIVES


def table(n_rows):
    codes = np.stack([np.arange(n_rows), np.arange(n_rows) % 3], axis=1)
    return InteractionDataset(Interactions(codes, np.arange(n_rows, dtype=float), np.arange(1.0, n_rows + 1)))


def test_batches_hold_every_row_once_the_last_partial_one_included():
    for n_rows, batch_size, sizes in [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 4, [3]), (5, 1, [1] * 5)]:
        batches = list(BatchIterator(table(n_rows), batch_size, shuffle=True))
        assert [len(codes) for codes, _ in batches] == sizes
        assert len(BatchIterator(table(n_rows), batch_size)) == len(sizes)
        assert sorted(torch.cat([ratings for _, ratings in batches]).tolist()) == list(range(n_rows))


def test_batches_are_shuffled_anew_each_epoch_with_ratings_and_weights_beside_their_codes():
    batches = BatchIterator(table(100), 32, shuffle=True)
    epochs = []
    for _ in range(2):
        rows = list(batches)
        for batch in rows:
            codes, ratings = batch
            torch.testing.assert_close(codes[:, 0].float(), ratings)
            torch.testing.assert_close(batch.sample_weight, (ratings + 1) / 50.5)
        epochs.append(torch.cat([ratings for _, ratings in rows]).tolist())
    assert epochs[0] != epochs[1] != list(range(100))


def test_unshuffled_batches_keep_the_order():
    assert torch.cat([ratings for _, ratings in BatchIterator(table(10), 3)]).tolist() == list(range(10))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("squared_error", lambda error: error**2),
        ("absolute_error", np.abs),
        ("huber", lambda error: np.where(np.abs(error) < 2, error**2 / 2, 2 * (np.abs(error) - 1))),
    ],
)
def test_losses_are_weighted_means_in_rating_units(loss, expected):
    error, weight = np.array([0.5, -1.0, 3.0, -8.0]), np.array([0.1, 1.9, 1.0, 1.0])
    criterion = RATING_OBJECTIVES[loss](scale=2.0)
    predicted, ratings = torch.tensor(error + 1, dtype=torch.float32), torch.ones(4)
    plain = criterion.in_rating_units(criterion(predicted, ratings))
    assert plain.item() == pytest.approx(expected(error).mean())
    weighted = criterion.in_rating_units(criterion(predicted, ratings, torch.tensor(weight)))
    assert weighted.item() == pytest.approx((weight * expected(error)).mean())


class BatchLog(Callback):
    """Writes down the losses of training batches."""

    def __init__(self, log):
        self.log = log

    def __sklearn_clone__(self):
        return self  # the log is read after the fit

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.log.append(net.history[-1, "batches", -1, "train_loss"])


class Recorder(Callback):
    """Counts the epochs that it is told of."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("seen", len(net.history))


def test_callbacks_are_cloned_and_run_and_their_numbers_stand_in_history(quick, ratings):
    X, y = ratings
    stopping = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0, threshold_mode="abs")
    before = dict(vars(stopping))
    callbacks = [Recorder(), ("mine", stopping)]
    model = quick(max_epochs=9, callbacks=callbacks).fit(X, y)
    assert model.history_["seen"].tolist() == list(range(1, model.n_iter_ + 1))
    assert model.n_iter_ == 3
    assert vars(stopping) == before
    assert clone(model).fit(X, y).n_iter_ == 3


def squared_error_of_dataset(net, dataset, y=None):
    return np.mean((net.predict(dataset) - np.array([rating for _, rating in dataset])) ** 2)


def test_scoring_callbacks_see_ratings_on_the_validation_part(quick, ratings):
    X, y = ratings
    by_name = EpochScoring("neg_mean_squared_error", lower_is_better=False, name="by_name")
    by_function = EpochScoring(squared_error_of_dataset, name="by_function", use_caching=False)
    on_training = EpochScoring("r2", lower_is_better=False, name="on_training", on_train=True)
    model = quick(early_stopping=True, callbacks=[by_name, by_function, on_training])
    history = model.fit(X, y, sample_weight=np.ones(len(y))).history_
    np.testing.assert_allclose(-history["by_name"], history["valid_loss"], rtol=1e-5)
    np.testing.assert_allclose(history["by_function"], history["valid_loss"], rtol=1e-5)
    assert history["on_training"].is_monotonic_increasing


def test_callbacks_that_watch_batches_find_them_and_change_nothing(quick, ratings):
    X, y = ratings
    log = []
    stepping = LRScheduler("StepLR", step_every="batch", step_size=1000)
    settings = {"learning_rate_schedule": "constant", "early_stopping": True}
    watched = quick(callbacks=[ProgressBar(), BatchLog(log), stepping], **settings).fit(X, y)
    unwatched = quick(**settings).fit(X, y)
    assert len(log) == 3 * len(BatchIterator(table(1800), watched._settings.auto_batch_size(1800)))
    assert all(np.isfinite(log))
    np.testing.assert_array_equal(watched.predict(X), unwatched.predict(X))
    columns = ["train_loss", "valid_loss", "learning_rate"]
    np.testing.assert_allclose(watched.history_[columns], unwatched.history_[columns], rtol=1e-6)


def test_early_stopping_of_the_users_own_ends_training_and_is_no_interrupt(quick, ratings):
    X, y = ratings
    stopping = EarlyStopping(monitor="train_loss", patience=1, lower_is_better=False)
    assert quick(max_epochs=50, callbacks=[stopping]).fit(X, y).n_iter_ < 50


class Interrupt(Callback):
    """Ctrl-C at a given epoch and hook, as a person would press it."""

    def __init__(self, epoch, hook):
        self.epoch = epoch
        self.hook = hook

    def _press(self, hook, net):
        if hook == self.hook and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_batch_end(self, net, **kwargs):
        self._press("batch", net)

    def on_epoch_end(self, net, **kwargs):
        self._press("epoch", net)


@pytest.mark.parametrize(("hook", "n_iter"), [("batch", 2), ("epoch", 3)])
def test_an_interrupt_reaches_the_caller_and_what_was_learnt_can_be_used(quick, ratings, hook, n_iter):
    X, y = ratings
    model = quick(max_epochs=9, callbacks=[Interrupt(3, hook)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == n_iter == len(model.history_)
    assert np.mean((model.predict(X) - y) ** 2) < y.var()
    assert model.set_params(callbacks=None).fit(X, y).n_iter_ == 9


def test_an_interrupt_restores_the_best_epoch_so_far(quick, ratings):
    X, y = ratings
    settings = {"learning_rate": 0.1, "learning_rate_schedule": "constant", "embedding_dropout": 0.0}
    model = quick(max_epochs=40, callbacks=[Interrupt(30, "batch")], embedding_dim=32, **settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    assert model.best_epoch_ < model.n_iter_ == 29
    valid_loss = np.mean((model.predict(X[1500:]) - y[1500:]) ** 2)
    assert valid_loss == pytest.approx(model.history_["valid_loss"].min(), rel=1e-4)


def test_verbose_shows_nothing_a_bar_or_a_line_an_epoch(quick, ratings, capsys):
    X, y = ratings
    quick(verbose=0, early_stopping=True).fit(X, y)
    assert capsys.readouterr() == ("", "")
    quick(verbose=1, early_stopping=True).fit(X, y)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err
    assert re.search(r"train_loss=\d.*valid_loss=\d", err)
    quick(verbose=2, early_stopping=True).fit(X, y)
    out, _ = capsys.readouterr()
    assert len(re.findall(r"^ +\d+ ", out, flags=re.MULTILINE)) == 3
    assert "train_loss" in out
    assert "valid_loss" in out


def test_device_names_resolve_to_what_is_there(monkeypatch):
    assert resolve_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == "cuda"
    assert resolve_device("cuda:1") == "cuda:1"
    with pytest.raises(ValueError, match="device='cuda:2' is not available; available here: cpu, cuda:0, cuda:1, cuda"):
        resolve_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
