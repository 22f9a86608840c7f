"""The skorch callbacks behind the estimators' flat parameters."""

import math
import re

import torch

from sklearn_ncf._progress import progress_bar
from sklearn_ncf.training._callback_copies import copy_callbacks
from sklearn_ncf.training._checkpoints import WriteCheckpoints
from sklearn_ncf.training._optimizers import has_momentum
from sklearn_ncf.training._skorch import Callback, EarlyStopping, LRScheduler

BEST_EPOCH = "early_stopping"  # name of the callback that knows the best epoch
SCHEDULES = ("constant", "one_cycle")
OF_VALIDATION = {"valid_loss", "valid_loss_best", "valid_score", "valid_score_best"}  # columns of the history


class EpochProgressBar(Callback):
    """A bar over epochs with the losses beside it."""

    def on_train_begin(self, net, **kwargs):
        self.bar_ = progress_bar(total=net.max_epochs, unit="epoch", desc="fit")

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


def build_callbacks(plan, *, user_callbacks, has_validation=False, validation_score=None, checkpoints=None):
    """All callbacks of one fit: copies of the user's, and those that its plan asks for.

    `validation_score`, a function of the net, chooses the epoch in the place of the validation loss.
    Without `patience` nothing stops early; with a validation part, the best epoch's weights come back all the same.
    """
    callbacks = copy_callbacks(user_callbacks or [])
    has_scheduler = any(isinstance(_unnamed(callback), LRScheduler) for callback in callbacks)
    if plan.schedule == "one_cycle" and not plan.solves and not has_scheduler:
        scheduler = LRScheduler(
            torch.optim.lr_scheduler.OneCycleLR,
            step_every="batch",
            event_name=None,
            max_lr=plan.learning_rate,
            total_steps=max(plan.n_batches * plan.max_epochs, 2),
            cycle_momentum=has_momentum(plan.optimizer),
        )
        callbacks.append(("learning_rate_schedule", scheduler))
    best = "valid_loss" if validation_score is None else "valid_score"
    if validation_score is not None:  # before the user's, which may read it
        callbacks.insert(0, ("validation_score", ValidationScore(validation_score)))
    if plan.verbose == 1:
        callbacks.append(("progress", EpochProgressBar()))
    if has_validation and validation_score is not undefined_score:
        # Behind the others, and so before them at the end of training: they find the best epoch's weights restored.
        patience = math.inf if plan.patience is None else plan.patience
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


def explain_missing_column(net, callback: Callback, error: BaseException) -> None:
    """Raise `ValueError` with what to do where a callback has failed since the history lacks a column."""
    column = _missing_column(error)
    if column is None:
        return
    if column in OF_VALIDATION:
        advice = (
            "A fit validates with early_stopping=True or with X_val; partial_fit never does, so set callbacks without "
            "this one before it."
        )
    else:
        advice = "Add the callback that records it, such that it comes before it in callbacks."
    row = {} if not net.history else net.history[-1]
    recorded = sorted(name for name in row if name != "batches")
    raise ValueError(
        f"The callback {type(callback).__name__} asks for {column!r}, which is not recorded in epoch "
        f"{len(net.history)} before it runs; that has {recorded}. {advice}"
    ) from error


def _missing_column(error: BaseException | None) -> str | None:
    """The column that was looked up in skorch's history, or in a row of it, and not found."""
    while error is not None:
        if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
            found = re.match("Key '(.*)' was not found in history", error.args[0])
            if found or error.args[0] in OF_VALIDATION:
                return found[1] if found else error.args[0]
        error = error.__cause__ or error.__context__
    return None


def _unnamed(callback):
    return callback[1] if isinstance(callback, tuple) else callback
