"""Equal seeds give equal bits, and nobody else's random numbers are touched, in whichever thread."""

import copy
import io
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from estimators_that_draw import NAMES, OURS, Own, estimators
from skorch.callbacks import Callback

from sklearn_ncf._random import seeded_generators
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.nn import EmbeddingNN, FastDropout
from sklearn_ncf.nn._generators import drawing_from, make_generators

SECONDS = 60  # after which a test fails instead of waiting for ever


def holding(hook, arrived, leave):
    """A callback that stops in the middle of an epoch, or at its end, until it may go on."""

    def wait(self, net, **kwargs):
        arrived.set()
        assert leave.wait(SECONDS)

    return type("Hold", (Callback,), {hook: wait})


def fitted_bytes(model):
    """The predictions after a fit and a partial_fit, to the bit."""
    X, y = make_ratings(n_ratings=300, random_state=0)
    model = copy.deepcopy(model).fit(X, y)
    return model.predict(X).tobytes(), model.partial_fit(X[:50], y[:50]).predict(X).tobytes()


def global_states():
    _, keys, position, *_ = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), keys.tobytes(), position, torch.get_num_threads()


@pytest.mark.parametrize("random_state", [0, None, np.random.RandomState(3)])
def test_fit_and_predict_leave_the_global_states_alone(quick, ratings, random_state):
    X, y = ratings
    before = global_states()
    model = quick(random_state=random_state, early_stopping=True, dropout=0.2, architecture="neumf").fit(X, y)
    assert global_states() == before
    model.predict(X)
    model.partial_fit(X, y)
    assert global_states() == before


def test_global_states_are_restored_after_an_error(quick, ratings):
    X, y = ratings
    before = global_states()
    with pytest.raises(FloatingPointError):
        quick(learning_rate=1e30, learning_rate_schedule="constant", rating_range=None).fit(X, y)
    assert global_states() == before


@pytest.mark.parametrize("architecture", ["neumf", "gmf", "mlp"])
def test_two_fits_with_one_seed_are_equal_to_the_bit(quick, ratings, architecture):
    X, y = ratings
    model = quick(architecture=architecture, dropout=0.3, early_stopping=True)
    first, second = model.fit(X, y).predict(X), model.fit(X, y).predict(X)
    assert first.tobytes() == second.tobytes()
    torch.manual_seed(99)
    np.random.seed(99)
    assert model.fit(X, y).predict(X).tobytes() == first.tobytes()


def test_other_seeds_give_other_models(quick, ratings):
    X, y = ratings
    assert not np.array_equal(quick(random_state=0).fit(X, y).predict(X), quick(random_state=1).fit(X, y).predict(X))
    assert not np.array_equal(
        quick(random_state=None).fit(X, y).predict(X), quick(random_state=None).fit(X, y).predict(X)
    )


def test_a_random_state_instance_goes_on_from_call_to_call():
    generator = np.random.RandomState(0)
    seeds = []
    for _ in range(2):
        with seeded_generators(generator) as seed:
            seeds.append(seed)
    again = np.random.RandomState(0)
    with seeded_generators(again) as seed:
        assert seed == seeds[0] != seeds[1]


@pytest.mark.parametrize("name", NAMES)
def test_torchs_global_generator_neither_draws_a_fit_nor_is_drawn_from(name):
    model = estimators()[name]
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = global_states()
        states.append(fitted_bytes(model))
        assert global_states() == before
    assert states[0] == states[1]


@pytest.mark.parametrize("name", [name for name in OURS if name != "least squares"])
def test_torchs_global_generator_stays_as_it_is_throughout_a_fit_of_our_networks(name):
    before, during = torch.get_rng_state(), []

    class Look(Callback):
        def on_batch_end(self, net, **kwargs):
            during.append(torch.equal(torch.get_rng_state(), before))

    estimators()[name].set_params(callbacks=[Look]).fit(*make_ratings(n_ratings=300, random_state=0))
    assert during
    assert all(during)


@pytest.mark.parametrize("name", NAMES)
def test_fits_in_parallel_threads_give_the_same_bits_as_alone(name):
    model = estimators()[name]
    alone = fitted_bytes(model)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda _: fitted_bytes(model), range(3)))
    assert together == [alone] * 3


def test_fits_of_all_kinds_in_parallel_threads_give_the_same_bits_as_alone():
    models = list(estimators().values())
    alone = [fitted_bytes(model) for model in models]
    before = global_states()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fitted_bytes, models)) == alone
    assert global_states() == before


@pytest.mark.parametrize("name", ["neumf", "softmax", "custom network"])
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_begin"])
def test_a_fit_that_is_held_in_an_epoch_holds_up_nobody_else(name, hook):
    X, y = make_ratings(n_ratings=300, random_state=0)
    model = estimators()[name]
    alone = model.fit(X, y).predict(X)
    stored, file = pickle.dumps(model), io.BytesIO()
    joblib.dump(model, file)
    arrived, leave = threading.Event(), threading.Event()
    held = copy.deepcopy(model).set_params(callbacks=[holding(hook, arrived, leave)])
    torch.manual_seed(5)
    expected = torch.rand(100)

    def others():
        models = [pickle.loads(stored), joblib.load(io.BytesIO(file.getvalue())), copy.deepcopy(model)]
        return [each.predict(X) for each in (*models, model, copy.deepcopy(models[0]).fit(X, y))]

    with ThreadPoolExecutor(2) as pool:
        fit = pool.submit(held.fit, X, y)
        try:
            assert arrived.wait(SECONDS)
            torch.manual_seed(5)
            drawn = torch.rand(50)
            for predicted in pool.submit(others).result(SECONDS):
                np.testing.assert_array_equal(predicted, alone)
            drawn = torch.cat([drawn, torch.rand(50)])
        finally:
            leave.set()
        np.testing.assert_array_equal(fit.result(SECONDS).predict(X), alone)
    assert torch.equal(drawn, expected)


@pytest.mark.parametrize("name", NAMES)
def test_loading_a_model_draws_nothing_from_torchs_global_generator(name):
    model = estimators()[name].fit(*make_ratings(n_ratings=300, random_state=0))
    stored = pickle.dumps(model)
    before = global_states()
    pickle.loads(stored)
    copy.deepcopy(model)
    assert global_states() == before


def test_a_fit_inside_a_fit_draws_from_its_own_generators(quick, ratings):
    X, y = ratings
    inner, outer = quick(architecture="neumf", dropout=0.3), quick(architecture=Own)
    expected = inner.fit(X, y).predict(X), outer.fit(X, y).predict(X)
    found = []

    class FitAnother(Callback):
        def on_epoch_end(self, net, **kwargs):
            found.append(inner.fit(X, y).predict(X))

    found.append(outer.set_params(callbacks=[FitAnother]).fit(X, y).predict(X))
    for predicted in found[:-1]:
        np.testing.assert_array_equal(predicted, expected[0])
    np.testing.assert_array_equal(found[-1], expected[1])


def test_a_step_that_fails_gives_the_global_generator_back(quick, ratings):
    class Fails(Own):
        def forward(self, codes):
            torch.rand(3)
            raise ZeroDivisionError

    before = global_states()
    with pytest.raises(ZeroDivisionError):
        quick(architecture=Fails).fit(*ratings)
    assert global_states() == before


def weights_of(network):
    return torch.cat([weight.flatten() for weight in network.state_dict().values()])


def test_a_network_alone_follows_torchs_global_seed():
    def drawn():
        torch.manual_seed(0)
        network = EmbeddingNN([3, 4], architecture="neumf", use_history=True, embedding_dropout=0.5)
        return torch.cat([weights_of(network), network(torch.tensor([[0, 1], [2, 3]]))]).detach()

    assert torch.equal(drawn(), drawn())
    first = EmbeddingNN([3, 4], architecture="neumf")
    assert not torch.equal(weights_of(first), weights_of(EmbeddingNN([3, 4], architecture="neumf")))


@pytest.mark.parametrize("p", [0.3, 0.001])
def test_a_seed_gives_the_same_numbers_from_a_fits_generators_as_from_torchs(p):
    def drawn():
        network = EmbeddingNN([3, 4], architecture="neumf", use_history=True)
        return torch.cat([weights_of(network), FastDropout(p)(torch.ones(5000)), FastDropout(p)(torch.ones(5000))])

    torch.manual_seed(7)
    expected = drawn()
    before = global_states()
    with drawing_from(make_generators(7, "cpu")):
        assert torch.equal(drawn(), expected)
    assert global_states() == before
