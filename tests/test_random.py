"""Equal seeds give equal bits, and nobody else's random numbers are touched."""

import numpy as np
import pytest
import torch

from sklearn_ncf._random import seeded_torch


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
        with seeded_torch(generator) as seed:
            seeds.append(seed)
    again = np.random.RandomState(0)
    with seeded_torch(again) as seed:
        assert seed == seeds[0] != seeds[1]
