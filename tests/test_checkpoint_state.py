"""A state in a file: it resumes the fit that wrote it, or is refused by the file's name."""

import copy
import re
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skorch.callbacks import Callback, Checkpoint, EpochScoring, Freezer, LRScheduler

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.training._checkpoints import read_state, write_state


class CutError(Exception):
    """What ends a fit early."""


class Cuts(Callback):
    """Has state of several kinds, and ends a fit in its second epoch while it is told to."""

    active = False

    def on_train_begin(self, net, **kwargs):
        self.n_epochs_ = 0
        self.phase_ = "first"
        self.sums_ = np.zeros(2)
        self.losses_ = []
        self.best_ = None
        self.bar_ = object()

    def on_epoch_begin(self, net, **kwargs):
        if Cuts.active and len(net.history) == 2:
            raise CutError

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1
        self.phase_ = "later"
        self.sums_ += 1
        self.losses_.append(net.history[-1, "train_loss"])
        self.best_ = net.history[-1, "train_loss"]


def scheduled(policy, **options):
    return {"callbacks": [Cuts(), LRScheduler(policy, **options)]}


CASES = {
    "stops early": {"early_stopping": True, "callbacks": [Cuts(), EpochScoring("r2", name="r2")]},
    "row-wise": {"optimizer": "rowwise_adamw"},
    "neumf": {"architecture": "neumf", "hidden_layer_sizes": (3,), "dropout": 0.2},
    "momentum": {"optimizer": torch.optim.SGD, "learning_rate": 0.01},
    "adafactor": {"optimizer": torch.optim.Adafactor, "learning_rate_schedule": "constant"},
    "plateau": scheduled("ReduceLROnPlateau", monitor="train_loss"),
    "milestones": scheduled("MultiStepLR", milestones=[1, 2]),
    "finished": {"max_epochs": 1, "early_stopping": True},
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory, ratings):
    """Of each case a fit that was cut off: a maker of its model, the file and the state in it."""
    X, y = ratings[0][:200], ratings[1][:200]
    found = {}
    for name, params in CASES.items():
        folder = tmp_path_factory.mktemp("runs")
        common = {"embedding_dim": 2, "max_epochs": 3, "random_state": 0, "device": "cpu", "callbacks": [Cuts()]}
        make = partial(NCFRegressor, **{"checkpoint_dir": folder, **common, **params})

        Cuts.active = True
        if name == "finished":
            make().fit(X, y)
        else:
            with pytest.raises(CutError):
                make().fit(X, y)
        Cuts.active = False
        [path] = folder.glob("*/*.pt")
        found[name] = make, path, read_state(path, "cpu"), (X, y)
    return found


def resume(case, state):
    """The fit from a state in the place of its own; the folder is as before afterwards."""
    make, path, before, data = case
    for other in path.parent.glob("*.pt"):
        other.unlink()
    write_state(path, state)
    global_state = torch.get_rng_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return make().fit(*data)
    finally:
        assert torch.equal(torch.get_rng_state(), global_state)
        for other in path.parent.glob("*.pt"):
            other.unlink()
        write_state(path, before)


@pytest.mark.parametrize("name", CASES)
def test_a_state_resumes_the_fit_that_wrote_it(cases, name):
    make, _, state, data = cases[name]
    whole = make().set_params(checkpoint_dir=None).fit(*data)
    resumed = resume(cases[name], state)
    np.testing.assert_array_equal(resumed.predict(data[0]), whole.predict(data[0]))
    callbacks = [dict(model.net_.callbacks_)["Cuts"] for model in (whole, resumed)]
    if name != "finished":
        assert callbacks[0].losses_ == callbacks[1].losses_
        assert isinstance(callbacks[1].sums_, np.ndarray)
        assert callbacks[0].sums_.tolist() == callbacks[1].sums_.tolist() == [3, 3]


OTHERS = [None, "text", 1.5, -1, True, [], {}, (), [{}], {"x": 1}, torch.zeros(2), torch.zeros(2, 2).long()]


@st.composite
def changes(draw):
    """A case, and a change of its state: a path of choices and what becomes of the part at its end."""
    name = draw(st.sampled_from(sorted(CASES)))
    path = draw(st.lists(st.integers(0, 2**16), min_size=1, max_size=6))
    return name, path, draw(st.sampled_from(["drop", "rename", *range(len(OTHERS))]))


def changed(state, path, how):
    """A state that is changed at the end of a path, and what was changed."""
    state = copy.deepcopy(state)
    part, said = state, []
    for depth, choice in enumerate(path):
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = keys[choice % len(keys)]
        said.append(key)
        deeper = part[key]
        if depth + 1 == len(path) or not isinstance(deeper, dict | list) or not deeper:
            break
        part = deeper
    if how == "drop":
        del part[key]
    elif how == "rename" and isinstance(part, dict):
        part[f"{key}x"] = part.pop(key)
    else:
        part[key] = OTHERS[0 if how == "rename" else how]
    return state, said


def outcome(case, state):
    """What becomes of a state, in words."""
    try:
        model = resume(case, state)
    except ValueError as error:
        return str(error)
    return "resumed" if np.isfinite(model.predict(case[3][0])).all() else "resumed with NaN"


@given(changes())
def test_a_state_that_was_changed_resumes_or_is_refused_by_the_name_of_the_file(cases, change):
    name, path, how = change
    state, _ = changed(cases[name][2], path, how)
    refused = rf"{re.escape(str(cases[name][1]))} .* Remove it to train from the start\."
    assert re.fullmatch(f"resumed|{refused}", outcome(cases[name], state))


def with_amsgrad(optimizer):
    groups = [group | {"amsgrad": True} for group in optimizer["param_groups"]]
    return optimizer | {"param_groups": groups}


WRONG = {
    "no dictionary": lambda state: [state],
    "no seed": lambda state: {name: part for name, part in state.items() if name != "seed"},
    "seed is a boolean": lambda state: state | {"seed": True},
    "seed is too large": lambda state: state | {"seed": 2**40},
    "further part": lambda state: state | {"further": 1},
    "module of other shapes": lambda state: state | {"module": {k: v[None] for k, v in state["module"].items()}},
    "module of other names": lambda state: state | {"module": {"x" + k: v for k, v in state["module"].items()}},
    "module of another type": lambda state: state | {"module": {k: v.double() for k, v in state["module"].items()}},
    "history of numbers": lambda state: state | {"history": [1.0, 2.0]},
    "history of other epochs": lambda state: state | {"history": [row | {"epoch": 2} for row in state["history"]]},
    "history of texts": lambda state: state | {"history": "ab"},
    "history too long": lambda state: state | {"history": state["history"] * 3},
    "no history": lambda state: state | {"history": []},
    "no callbacks": lambda state: state | {"callbacks": {}},
    "optimizer without state": lambda state: state | {"optimizer": state["optimizer"] | {"state": {}}},
    "optimizer without groups": lambda state: state | {"optimizer": state["optimizer"] | {"param_groups": []}},
    "optimizer of other options": lambda state: state | {"optimizer": with_amsgrad(state["optimizer"])},
    "random of another length": lambda state: state | {"random": state["random"][:-1]},
    "random of another type": lambda state: state | {"random": state["random"].float()},
    "masks of other layers": lambda state: state | {"masks": {"mlp.9": torch.zeros(3)}},
    "masks without axes": lambda state: state | {"masks": {"embedding_dropout": torch.tensor(1.0)}},
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_state_of_a_wrong_structure_is_refused_by_the_name_of_the_file(cases, kind):
    _, path, state, _ = cases["stops early"]
    with pytest.raises(ValueError, match=re.escape(str(path)) + r".* Remove it to train from the start\."):
        resume(cases["stops early"], WRONG[kind](copy.deepcopy(state)))


ATTACKS = {
    "a setting": ("monitor", "x"),
    "a method": ("on_epoch_end", 1),
    "a private name": ("_x_", 1),
    "the class": ("__class__", 1),
    "a dunder": ("__dict__", {}),
    "an attribute that it does not have": ("further_", 1),
    "a property": ("f_history_", "stolen"),
    "another kind": ("n_epochs_", "text"),
    "what is no plain value": ("bar_", 1),
    "no name": (1, 1),
}


@pytest.mark.parametrize("kind", ATTACKS)
@pytest.mark.parametrize("callback", ["Cuts", "early_stopping", "learning_rate_schedule"])
def test_a_file_sets_no_attribute_but_what_training_has_learned(cases, kind, callback):
    _, path, state, _ = cases["stops early"]
    state = copy.deepcopy(state)
    name, value = ATTACKS[kind]
    state["callbacks"][callback][name] = value
    with pytest.raises(ValueError, match=re.escape(str(path)) + r".* Remove it"):
        resume(cases["stops early"], state)


def test_a_schedules_state_sets_no_attribute_of_its_own_choice(cases):
    _, path, state, _ = cases["stops early"]
    state = copy.deepcopy(state)
    state["callbacks"]["learning_rate_schedule"]["lr_scheduler_"]["step"] = 1
    with pytest.raises(ValueError, match=re.escape(str(path))):
        resume(cases["stops early"], state)


@pytest.mark.parametrize("name", ["dirname", "f_params", "fn_prefix", "f_history_", "f_pickle", "f_x_", "sink"])
def test_a_file_does_not_decide_where_a_callback_writes(quick, ratings, tmp_path, name):
    X, y = ratings
    saves = Checkpoint(monitor=None, dirname=str(tmp_path / "mine"))
    model = quick(checkpoint_dir=tmp_path / "runs", callbacks=[saves, Cuts()])
    Cuts.active = True
    with pytest.raises(CutError):
        model.fit(X, y)
    Cuts.active = False
    [path] = tmp_path.glob("runs/*/*.pt")
    state = read_state(path, "cpu")
    state["callbacks"]["Checkpoint"][name] = str(tmp_path / "stolen")
    write_state(path, state)
    with pytest.raises(ValueError, match=re.escape(str(path)) + f".*{name} of the callback Checkpoint"):
        model.fit(X, y)
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "runs"}


def test_a_ranker_is_guarded_in_the_same_way(ratings, tmp_path):
    X, _ = ratings
    settings = {"embedding_dim": 4, "max_epochs": 3, "random_state": 0, "device": "cpu", "callbacks": [Cuts()]}
    for loss in ("squared_error", "bce"):
        folder = tmp_path / loss
        model = NCFRanker(loss=loss, checkpoint_dir=folder, early_stopping=True, scoring="ndcg", **settings)
        Cuts.active = True
        with pytest.raises(CutError):
            model.fit(X)
        Cuts.active = False
        [path] = folder.glob("*/*.pt")
        state = read_state(path, "cpu")
        write_state(path, state | {"module": {}})
        with pytest.raises(ValueError, match=re.escape(str(path))):
            model.fit(X)
        write_state(path, state)
        model.fit(X)


def test_what_a_callback_has_frozen_stays_frozen_after_an_interrupt(tmp_path):
    class Interrupt(Callback):
        interrupts = True

        def on_epoch_begin(self, net, **kwargs):
            if self.interrupts and len(net.history) == 3:
                raise KeyboardInterrupt

    X, y = make_ratings(n_ratings=300, random_state=0)
    settings = {"embedding_dim": 4, "max_epochs": 4, "random_state": 0, "device": "cpu"}
    model = NCFRegressor(callbacks=[Freezer("embedding.*"), Interrupt], checkpoint_dir=tmp_path, **settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    Interrupt.interrupts = False
    alone = NCFRegressor(callbacks=[Freezer("embedding.*")], **settings).fit(X, y)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), alone.predict(X))
