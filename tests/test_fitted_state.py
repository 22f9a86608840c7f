"""An estimator is the one before a fit or the one after it, for interrupts, for other threads and for pickles."""

import contextlib
import copy
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

import sklearn_ncf
from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.metrics import RankingScorer

PACKAGE = str(Path(sklearn_ncf.__file__).parent)
SETTINGS = {"embedding_dim": 2, "max_epochs": 1, "random_state": 0, "device": "cpu"}
FEW = [[0, 0], [0, 1], [1, 0], [2, 1]]
FURTHER = [[3, 2], [4, 2], [4, 0], [1, 3]]
RATINGS = [1, 2, 3, 4]


class Interrupts:
    """Raises `KeyboardInterrupt` before one line of the library, the one of that number after a function returned."""

    def __init__(self, number, after):
        self.number = number
        self.after = after
        self.n_lines = None  # until that function has returned

    def __enter__(self):
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _trace(self, frame, event, arg):
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        of_estimators = file.startswith(PACKAGE) and "/nn/" not in file
        ends = name == self.after and (of_estimators or "skorch" in file)
        if not of_estimators and not ends:
            return None
        if event == "return" and ends and self.n_lines is None:
            self.n_lines = 0
        elif event == "line" and self.n_lines is not None:
            self.n_lines += 1
            if self.n_lines == self.number:
                raise KeyboardInterrupt
        return self._trace


def shallow_copy(estimator):
    taken = object.__new__(type(estimator))
    vars(taken).update(vars(estimator))
    return taken


def until_uninterrupted(start, fit, after):
    """Each estimator that is left when a copy of `start` is fitted and interrupted at the next line, then the next."""
    number = 1
    while True:
        estimator = start()
        with Interrupts(number, after) as interrupts, contextlib.suppress(KeyboardInterrupt):
            fit(estimator)
        yield estimator
        if interrupts.n_lines < number:
            assert number > 10  # or nothing has been interrupted
            return
        number += 1


def shown(model):
    """What users see of a fitted model."""
    X = FEW + FURTHER
    again = pickle.loads(pickle.dumps(model))
    lists = recommend(model, [0, 1], n_items=2, items=[0, 1], exclude_seen=False)
    return (
        model.predict(X).tolist(),
        again.predict(X).tolist(),
        lists.to_numpy().tolist(),
        [ids.tolist() for ids in model.encoder_.categories_],
        model.user_embeddings_.tolist(),
        len(model.history_),
        model.n_iter_,
        model.best_epoch_,
        model.n_features_in_,
        hasattr(model, "feature_names_in_"),
    )


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize(
    ("estimator", "further"), [(NCFRegressor, "partial_fit"), (NCFRanker, "partial_fit"), (NCFRegressor, "warm_start")]
)
def test_an_interrupt_after_training_leaves_the_old_model_or_the_new_one(estimator, further):
    def fit(model):
        if further == "partial_fit":
            model.partial_fit(FURTHER, RATINGS)
        else:
            model.set_params(warm_start=True).fit(FURTHER, RATINGS)

    old, new = (estimator(**SETTINGS).fit(FEW, RATINGS) for _ in range(2))
    fit(new)
    either = [shown(old), shown(new)]
    seen = set()
    for model in until_uninterrupted(lambda: shallow_copy(old), fit, after="train"):
        found = shown(model)
        assert found in either
        seen.add(either.index(found))
    assert seen == {0, 1}


def test_an_interrupt_after_training_leaves_a_first_fit_unfitted_or_fitted():
    expected = shown(NCFRegressor(**SETTINGS).fit(FEW, RATINGS))
    seen = set()
    for model in until_uninterrupted(
        lambda: NCFRegressor(**SETTINGS), lambda model: model.fit(FEW, RATINGS), after="fit_loop"
    ):
        try:
            check_is_fitted(model)
        except NotFittedError:
            seen.add("unfitted")
            with pytest.raises(NotFittedError):
                model.predict(FEW)
            assert vars(pickle.loads(pickle.dumps(model))) == vars(NCFRegressor(**SETTINGS))
        else:
            seen.add("fitted")
            assert shown(model) == expected
    assert seen == {"unfitted", "fitted"}


def codes_of(encoder):
    X = FEW + FURTHER
    again = pickle.loads(pickle.dumps(encoder))
    return (
        encoder.transform(X).tolist(),
        again.transform(X).tolist(),
        encoder.inverse_transform([[0, 0]]).tolist(),
        encoder.n_features_in_,
    )


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("further", ["partial_fit", "fit", "fit_transform"])
def test_an_interrupted_encoder_knows_the_old_ids_or_the_new_ones(further):
    def fit(encoder):
        getattr(encoder, further)(FURTHER)

    old, new = (IdEncoder(min_frequency=1).fit(FEW) for _ in range(2))
    fit(new)
    for encoder in until_uninterrupted(lambda: shallow_copy(old), fit, after="extended"):
        assert codes_of(encoder) in [codes_of(old), codes_of(new)]


class InterruptInEpoch(Callback):
    """Ctrl-C in the first batch of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("estimator", [NCFRegressor(**SETTINGS), NCFRanker("neumf", **SETTINGS)], ids=["rate", "rank"])
def test_a_first_fit_without_a_whole_epoch_is_no_fit(estimator):
    model = estimator.set_params(max_epochs=3, callbacks=[InterruptInEpoch(1)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(FEW, RATINGS)
    with pytest.raises(NotFittedError):
        model.predict(FEW)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[InterruptInEpoch(2)]).fit(FEW, RATINGS)
    assert model.n_iter_ == len(model.history_) == 1
    assert np.isfinite(model.predict(FEW)).all()


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit", "ignore:n_items=")
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_readers_beside_a_growing_model_see_one_state(estimator):
    """Between any two steps that set the state of the estimator there is a reader."""
    model = estimator(**SETTINGS).fit(FEW, RATINGS)
    errors, pickles = [], []

    def read():
        try:
            model.predict(FEW + FURTHER)
            recommend(model, n_items=1)
            similar_items(model, [0], n_items=1)
            RankingScorer()(model, [[0, 1], [1, 1]])
            pickles.append(pickle.dumps(model))
        except Exception as error:  # of another thread
            errors.append(error)

    def read_between(frame, event, arg):
        """A reader in the place of a thread that the interpreter would switch to."""
        if frame.f_code.co_filename.startswith(PACKAGE) and frame.f_code.co_name in ("_keep", "in_memory", "publish"):
            if event == "line":
                sys.settrace(None)
                reader = threading.Thread(target=read)
                reader.start()
                reader.join()
                sys.settrace(read_between)
            return read_between
        return None

    for number in range(2):
        sys.settrace(read_between)
        try:
            model.partial_fit([[10 + number, 20 + number]], [3])
        finally:
            sys.settrace(None)
    assert not errors
    assert len(pickles) > 10
    for again in map(pickle.loads, pickles):
        assert len(again.user_embeddings_) == len(again.encoder_.categories_[0])
        assert len(again._seen.counts[0]) == len(again.encoder_.categories_[0]) + 2
        again.predict(FEW + FURTHER)


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit", "ignore:n_items=")
def test_threads_that_read_and_pickle_beside_partial_fit_get_no_error():
    model = NCFRegressor(**SETTINGS).fit(FEW, RATINGS)
    errors, done = [], threading.Event()

    def read():
        try:
            while not done.is_set():
                model.predict(FEW + FURTHER)
                recommend(model, n_items=1)
                again = pickle.loads(pickle.dumps(model))
                assert len(again.encoder_.categories_[0]) == len(again.user_embeddings_)
                assert len(again._seen.counts[0]) == len(again.user_embeddings_) + 2
        except Exception as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for reader in readers:
            reader.start()
        for number in range(15):
            model.partial_fit([[10 + number, 20 + number]], [3])
    finally:
        done.set()
        for reader in readers:
            reader.join()
        sys.setswitchinterval(interval)
    assert not errors
    assert len(model.encoder_.categories_[0]) == 3 + 15


def test_a_fit_changes_nothing_that_was_fitted_before():
    model = NCFRegressor(**SETTINGS, callbacks=None).fit(FEW, RATINGS)
    before = copy.copy(vars(model))
    weights = {name: weight.clone() for name, weight in model.net_.module_.state_dict().items()}
    ids = [list(column) for column in model.encoder_.categories_]
    counts = [column.copy() for column in model._seen.counts]
    model.partial_fit(FURTHER, RATINGS).set_params(warm_start=True).fit(FEW, RATINGS)
    assert before["net_"] is not model.net_
    assert all((before["net_"].module_.state_dict()[name] == weight).all() for name, weight in weights.items())
    assert [list(column) for column in before["encoder_"].categories_] == ids
    assert all((now == then).all() for now, then in zip(before["_seen"].counts, counts, strict=True))
