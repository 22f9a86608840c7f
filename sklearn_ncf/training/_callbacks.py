"""The skorch callbacks behind the estimators' flat parameters."""

import math

import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from tqdm.auto import tqdm

from sklearn_ncf.training._checkpoints import WriteCheckpoints
from sklearn_ncf.training._optimizers import has_momentum

BEST_EPOCH = "early_stopping"  # name of the callback that knows the best epoch
SCHEDULES = ("constant", "one_cycle")


class EpochProgressBar(Callback):
    """A bar over epochs with the losses beside it."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net, **kwargs):
        losses = {
            name: f"{net.history[-1][name]:.4f}" for name in ("train_loss", "valid_loss") if name in net.history[-1]
        }
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update(len(net.history) - self.bar_.n)

    def on_train_end(self, net, **kwargs):
        self.bar_.close()


class ValidationScore(Callback):
    """Records what a function of the net says of it after each epoch, as ``valid_score``."""

    def __init__(self, function):
        self.function = function
        self.best_ = -math.inf

    def on_epoch_end(self, net, **kwargs):
        score = self.function(net)
        net.history.record("valid_score", score)
        net.history.record("valid_score_best", bool(score > self.best_))
        self.best_ = max(self.best_, score)


def undefined_score(net):
    """The function for `ValidationScore` where no epoch can be judged: the last one is then the one to keep."""
    return math.nan


def build_callbacks(
    *,
    user_callbacks,
    optimizer,
    schedule,
    learning_rate,
    n_batches,
    max_epochs,
    patience,
    has_validation,
    validation_score,
    checkpoints,
    verbose,
):
    """All callbacks of one fit: the user's own, cloned, and those that the parameters ask for.

    `validation_score`, a function of the net, chooses the epoch in the place of the validation loss.
    `patience=None` never stops early; with a validation part, the best epoch's weights come back all the same.
    """
    callbacks = [_cloned(callback) for callback in user_callbacks or ()]
    has_scheduler = any(isinstance(_unnamed(callback), LRScheduler) for callback in callbacks)
    if schedule == "one_cycle" and not has_scheduler:
        scheduler = LRScheduler(
            torch.optim.lr_scheduler.OneCycleLR,
            step_every="batch",
            event_name=None,
            max_lr=learning_rate,
            total_steps=max(n_batches * max_epochs, 2),
            cycle_momentum=has_momentum(optimizer),
        )
        callbacks.append(("learning_rate_schedule", scheduler))
    best = "valid_loss" if validation_score is None else "valid_score"
    if validation_score is not None:
        callbacks.append(("validation_score", ValidationScore(validation_score)))
    if verbose == 1:
        callbacks.append(("progress", EpochProgressBar()))
    if has_validation and validation_score is not undefined_score:
        # Behind the others, and so before them at the end of training: they find the best epoch's weights restored.
        patience = math.inf if patience is None else patience
        stopping = EarlyStopping(
            monitor=best, lower_is_better=validation_score is None, patience=patience, threshold=0, load_best=True
        )
        callbacks.append((BEST_EPOCH, stopping))
    if checkpoints is not None and checkpoints.writes:
        callbacks.append(("checkpoints", WriteCheckpoints(checkpoints)))  # behind all others, whose state it writes
    return callbacks


def is_callback(value):
    """Whether skorch takes it for a callback, alone or as a pair of a name and a callback."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        value = value[1]
    return isinstance(value, Callback) or (isinstance(value, type) and issubclass(value, Callback))


def _cloned(callback):
    if isinstance(callback, tuple):
        return callback[0], clone(callback[1], safe=False)
    return clone(callback, safe=False)


def _unnamed(callback):
    return callback[1] if isinstance(callback, tuple) else callback
