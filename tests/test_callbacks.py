"""The user's callbacks: a fit owns their settings and shares the objects that these refer to."""

import io
import logging
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LoadInitState,
    LRScheduler,
    TensorBoard,
    TrainEndCheckpoint,
)

from sklearn_ncf import IdEncoder, NCFRanker
from sklearn_ncf.training import copy_callbacks


class World:
    """What lies outside of a fit, such as a study or a writer: it can be neither copied nor pickled."""

    def __init__(self):
        self.values = []
        self.lock = threading.Lock()
        self.is_closed = False

    def __deepcopy__(self, memo):
        raise TypeError("cannot be copied")

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot be pickled")

    def report(self, value, step):
        with self.lock:
            self.values.append((step, value))

    def add_scalar(self, tag, scalar_value, global_step):
        self.report(scalar_value, global_step)

    def close(self):
        self.is_closed = True


class ByParameter(Callback):
    """Has what it reports to as a parameter."""

    def __init__(self, trial):
        self.trial = trial

    def on_epoch_end(self, net, **kwargs):
        self.trial.report(net.history[-1, "train_loss"], len(net.history))


class ByOtherName(Callback):
    """Keeps its parameters under other names, as Optuna's pruner does."""

    def __init__(self, trial, monitor):
        self._trial = trial
        self._monitor = monitor

    def on_epoch_end(self, net, **kwargs):
        self._trial.report(net.history[-1, self._monitor], len(net.history))


class WithoutParameter(Callback):
    """Is told from outside what to report to."""

    def __init__(self):
        self.n_epochs = 0
        self.losses_ = []

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs += 1
        self.losses_.append(net.history[-1, "train_loss"])
        self.trial.report(self.losses_[-1], self.n_epochs)


class WithOptions(Callback):
    """Takes whatever it is given."""

    def __init__(self, **options):
        vars(self).update(options)

    def on_epoch_end(self, net, **kwargs):
        self.trial.report(net.history[-1, "train_loss"], len(net.history))


@dataclass
class Declared(Callback):
    """Is a dataclass, with a field that no parameter sets."""

    trial: object
    n_epochs: int = field(default=0, init=False)

    on_epoch_end = ByParameter.on_epoch_end


class Slotted(ByParameter):
    """Keeps an attribute in a slot."""

    __slots__ = ("trial",)


def told(callback, trial):
    callback.trial = trial
    return callback


KINDS = {
    "parameter": ByParameter,
    "other name": lambda trial: ByOtherName(trial, "train_loss"),
    "no parameter": lambda trial: told(WithoutParameter(), trial),
    "options": lambda trial: WithOptions(trial=trial, threshold=1),
    "dataclass": Declared,
    "slots": Slotted,
    "named": lambda trial: ("mine", ByParameter(trial)),
    "TensorBoard": TensorBoard,
}


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        *(("fit", kind) for kind in KINDS),
        *(("clone", kind) for kind in KINDS),
        *(("checkpoints", kind) for kind in KINDS),
    ]
    + [(how, kind) for how in ("pipeline", "search", "threads") for kind in ("parameter", "TensorBoard")],
)
def test_a_callback_reports_to_the_object_that_it_was_given(quick, ratings, tmp_path, how, kind):
    X, y = ratings
    trial = World()
    callback = KINDS[kind](trial)
    alone = callback[1] if isinstance(callback, tuple) else callback
    before = dict(vars(alone))
    model = quick(max_epochs=2, callbacks=[callback])
    n_fits = 1
    if how == "fit":
        model.fit(X, y)
    elif how == "clone":
        clone(clone(model)).fit(X, y)
    elif how == "pipeline":
        clone(make_pipeline(IdEncoder(), model)).fit(X, y)
    elif how == "search":
        GridSearchCV(model, {"embedding_dim": [2, 4]}, cv=2, error_score="raise").fit(X, y)
        n_fits = 5
    elif how == "threads":
        threads = [threading.Thread(target=clone(model).fit, args=(X, y)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        n_fits = 2
    else:
        model.set_params(checkpoint_dir=tmp_path).fit(X, y)
    n_values = {step: sum(of == step for of, _ in trial.values) for step, _ in trial.values}
    assert set(n_values) == {1, 2}
    assert n_values[1] == n_values[2]
    assert n_values[1] % n_fits == 0
    assert vars(alone) == before
    assert getattr(alone, "losses_", []) == []


def test_each_kind_of_object_is_shared(tmp_path):
    class Holds(Callback):
        def __init__(self, thing):
            self.thing = thing
            self.thing_ = thing

    fitted = Ridge().fit([[0.0], [1.0]], [0, 1])
    with open(tmp_path / "log", "w") as file:
        for thing in (World(), file, io.StringIO(), logging.getLogger("x"), threading.Lock(), fitted, lambda net: 1):
            [copied] = copy_callbacks([Holds(thing)])
            assert copied.thing is copied.thing_ is thing
    for thing in ([], {}, set(), np.zeros(1), torch.zeros(1), [World()], {"study": World()}):
        [copied] = copy_callbacks([Holds(thing)])
        assert copied.thing is thing


def test_the_state_of_a_training_is_copied():
    class Stateful(Callback):
        def __init__(self, world):
            self.world_ = world
            self.losses_ = {"losses": [[1.0]], "worlds": [world], "ids": {1}, "pair": ([],)}
            self.counts_ = np.zeros(2)
            self.sums_ = torch.zeros(2)

    world = World()
    stateful = Stateful(world)
    [copied] = copy_callbacks([stateful])
    copied.losses_["losses"][0].append(2.0)
    copied.losses_["ids"].add(2)
    copied.losses_["pair"][0].append(1)
    copied.counts_ += 1
    copied.sums_ += 1
    assert stateful.losses_ == {"losses": [[1.0]], "worlds": [world], "ids": {1}, "pair": ([],)}
    assert stateful.counts_.tolist() == stateful.sums_.tolist() == [0, 0]
    assert copied.world_ is copied.losses_["worlds"][0] is world


def test_callbacks_and_estimators_in_a_callback_are_copied_too():
    class Composite(Callback):
        def __init__(self, parts, surrogate):
            self.parts = parts
            self.surrogate = surrogate
            self.first = parts["all"][0][1]
            self.on_loss = self.first.on_epoch_end
            self.me = self

    world = World()
    composite = Composite({"all": [("part", ByParameter(world))]}, Ridge(alpha=2.0))
    [copied] = copy_callbacks([composite])
    [(name, part)] = copied.parts["all"]
    assert name == "part"
    assert part is copied.first is copied.on_loss.__self__ is not composite.first
    assert part.trial is world
    assert copied.me is copied
    assert copied.surrogate is not composite.surrogate
    assert copied.surrogate.alpha == 2.0


def test_callbacks_that_refer_to_each_other_still_do(quick, ratings, tmp_path):
    X, y = ratings
    saves = TrainEndCheckpoint(dirname=str(tmp_path))
    model = quick(callbacks=[saves, ("loads", LoadInitState(saves))]).fit(X, y)
    callbacks = dict(model.net_.callbacks_)
    assert callbacks["loads"].checkpoint is callbacks["TrainEndCheckpoint"] is not saves
    assert not hasattr(saves, "checkpoint_")


@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}_?", fullmatch=True), st.sampled_from(["world", "number", "list"])))
def test_a_copy_has_the_attributes_of_the_original_and_shares_their_objects(kinds):
    make = {"world": World, "number": lambda: 1.5, "list": lambda: [World()]}
    callback = WithOptions(**{name: make[kind]() for name, kind in kinds.items()})
    [copied] = copy_callbacks([callback])
    assert type(copied) is WithOptions
    assert vars(copied) == vars(callback)
    for name, value in vars(callback).items():
        is_copied = name.endswith("_") and isinstance(value, list)
        assert (getattr(copied, name) is value) is not is_copied


def test_a_class_that_says_how_it_is_cloned_is_asked(quick, ratings):
    class Itself(ByParameter):
        def __sklearn_clone__(self):
            return self

    itself = Itself(World())
    assert copy_callbacks([itself]) == [itself]
    assert clone(quick(callbacks=[itself])).callbacks == [itself]


def test_a_clone_is_scikit_learns_but_for_the_callbacks(quick):
    model = quick(
        callbacks=[EarlyStopping(patience=3)], hidden_layer_sizes=[4, 2], random_state=np.random.RandomState(0)
    )
    cloned = clone(model)
    assert cloned.callbacks[0] is not model.callbacks[0]
    assert cloned.callbacks[0].patience == 3
    assert cloned.hidden_layer_sizes == [4, 2]
    assert cloned.hidden_layer_sizes is not model.hidden_layer_sizes
    assert cloned.random_state is not model.random_state
    assert clone(quick(callbacks="no list")).callbacks == "no list"
    assert clone(quick(callbacks=[Callback])).callbacks == [Callback]


class PrunedError(Exception):
    """What a pruner raises, such as optuna.TrialPruned."""


class Prunes(Callback):
    """Ends the fit from its second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise PrunedError("Trial was pruned at epoch 2.")


def test_what_a_pruner_raises_reaches_the_caller_and_the_estimator_stays_as_it_was(quick, ratings, tmp_path):
    X, y = ratings
    model = quick(callbacks=[Prunes()], checkpoint_dir=tmp_path)
    with pytest.raises(PrunedError, match="at epoch 2"):
        model.fit(X, y)
    assert not hasattr(model, "net_")
    before = model.set_params(callbacks=None).fit(X, y).predict(X)
    with pytest.raises(PrunedError):
        model.set_params(callbacks=[Prunes()], random_state=1).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.n_iter_ == 3


def test_valid_score_is_there_before_the_users_callbacks_run(ratings):
    X, _ = ratings
    seen = []

    class Reads(Callback):
        def __init__(self, seen):
            self.seen = seen

        def on_epoch_end(self, net, **kwargs):
            self.seen.append((net.history[-1, "valid_score"], net.history[-1, "valid_score_best"]))

    settings = {"loss": "bce", "embedding_dim": 4, "max_epochs": 2, "random_state": 0, "device": "cpu"}
    model = NCFRanker(**settings, scoring="ndcg", early_stopping=True, callbacks=[Reads(seen)]).fit(X)
    assert [score for score, _ in seen] == model.history_["valid_score"].tolist()
    assert seen[0][1] is True


class ReadsRow(Callback):
    """Reads a column from the last row of the history itself."""

    def on_epoch_end(self, net, **kwargs):
        net.history[-1]["valid_loss"]


MONITORS = {
    "EarlyStopping": EarlyStopping(),
    "Checkpoint": Checkpoint(monitor="valid_loss_best", f_params=None, f_optimizer=None, f_criterion=None),
    "Checkpoint that loads": Checkpoint(dirname="unused", load_best=True),
    "LRScheduler": LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
    "LRScheduler by batch": LRScheduler("ReduceLROnPlateau", monitor="valid_loss", step_every="batch", event_name=None),
    "pruner": ByOtherName(World(), "valid_loss"),
    "row": ReadsRow(),
}


@pytest.mark.parametrize("kind", MONITORS)
def test_a_callback_that_monitors_what_is_not_recorded_is_told_what_to_do(quick, ratings, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    X, y = ratings
    name = type(MONITORS[kind]).__name__
    model = quick(callbacks=[MONITORS[kind]])
    message = rf"{name} asks for 'valid_loss(_best)?', .* epoch 1 .* early_stopping=True .* X_val"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "net_")
    if kind != "LRScheduler by batch":  # a batch of training has no validation loss at all
        model.fit(X, y, X_val=X, y_val=y)


def test_a_callback_that_reads_another_ones_column_must_come_after_it(quick, ratings):
    X, y = ratings
    records = EpochScoring("r2", on_train=True, name="r2", lower_is_better=False)
    stops = EarlyStopping(monitor="r2", lower_is_better=False)
    with pytest.raises(ValueError, match=r"EarlyStopping asks for 'r2', .* comes before it in callbacks"):
        quick(callbacks=[stops, records]).fit(X, y)
    quick(callbacks=[records, stops]).fit(X, y)


def test_a_key_error_of_the_users_own_stays_what_it_is(quick, ratings):
    X, y = ratings

    class Fails(Callback):
        monitor = "valid_loss"

        def on_epoch_end(self, net, **kwargs):
            {}["mine"]

    with pytest.raises(KeyError, match=r"^'mine'$"):
        quick(callbacks=[Fails()]).fit(X, y)


def test_a_plateau_is_found_batch_by_batch(quick, ratings):
    X, y = ratings
    policy = {"monitor": "train_loss", "step_every": "batch", "patience": 0, "factor": 0.5, "cooldown": 0}
    model = quick(learning_rate=0.01, callbacks=[LRScheduler("ReduceLROnPlateau", event_name=None, **policy)])
    model.fit(X, y)
    assert model.history_["learning_rate"].iloc[-1] < model.learning_rate


def test_the_real_error_is_not_hidden_by_the_end_of_training(quick, ratings):
    X, y = ratings

    class FailsTwice(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise PrunedError("the real one")

        def on_train_end(self, net, **kwargs):
            raise OSError("another one")

    with pytest.raises(PrunedError, match="the real one"):
        quick(callbacks=[FailsTwice()]).fit(X, y)
