"""Results are bitwise identical whatever a caller has set for torch, and the settings are left as they were."""

import copy
import functools
import pickle
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from estimators_that_draw import NAMES, OURS, Own, estimators
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback

from sklearn_ncf import NCFRegressor, recommend, similar_items
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.nn import EmbeddingNN


@contextmanager
def set_and_reset(function, value, before):
    function(value)
    try:
        yield
    finally:
        function(before)


def default_dtype(dtype):
    return lambda: set_and_reset(torch.set_default_dtype, dtype, torch.get_default_dtype())


SETTINGS = {
    "none": lambda: set_and_reset(id, 0, 0),
    "float64": default_dtype(torch.float64),
    "float16": default_dtype(torch.float16),
    "bfloat16": default_dtype(torch.bfloat16),
    "a default device": lambda: set_and_reset(torch.set_default_device, "meta", None),
    "a device for a block": lambda: torch.device("meta"),
    "deterministic": lambda: set_and_reset(torch.use_deterministic_algorithms, True, False),
    "no_grad": torch.no_grad,
    "gradients off": lambda: torch.set_grad_enabled(False),
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=True),
}


def current():
    """What can be set for torch, as it is."""
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_anomaly_enabled(),
        torch.get_num_threads(),
    )


X, Y = make_ratings(n_ratings=300, random_state=0)


def results(name, fit="none", load="none", use="none", resume="none"):
    """All that comes of a fit, of what is loaded and of what is fitted further, each under a setting, to the bit."""
    found = []
    with SETTINGS[fit]():
        model = copy.deepcopy(estimators()[name])
        before = current()
        model.fit(X, Y)
        assert current() == before
        stored = pickle.dumps(model)
    with SETTINGS[load]():
        model = pickle.loads(stored)
    with SETTINGS[use]():
        before = current()
        found += [model.predict(X), recommend(model, n_items=2, exclude_seen=False)["score"].to_numpy()]
        if hasattr(model.net_.module_, "embedding"):
            found += [similar_items(model, [0], n_items=2)["score"].to_numpy(), model.user_embeddings_]
        assert current() == before
    with SETTINGS[resume]():
        before = current()
        found += [model.partial_fit(X[:50], Y[:50]).predict(X)]
        assert current() == before
        found += [model.set_params(warm_start=True).fit(X, Y).predict(X)]
    assert all(array.dtype == np.float32 for array in found)
    return [array.tobytes() for array in found]


@functools.cache
def expected(name):
    return results(name)


pytestmark = pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")


@pytest.mark.parametrize("setting", SETTINGS)
def test_our_estimators_give_the_same_bits_under_each_setting(setting):
    for name in OURS:
        assert results(name, setting, setting, setting, setting) == expected(name), name


@settings(max_examples=25)
@given(st.sampled_from(OURS), *[st.sampled_from(list(SETTINGS))] * 4)
def test_what_one_setting_has_fitted_another_loads_uses_and_continues_to_the_same_bits(name, fit, load, use, resume):
    assert results(name, fit, load, use, resume) == expected(name)


OF_A_THREAD = [name for name in SETTINGS if name not in ("float64", "float16", "bfloat16")]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
@pytest.mark.parametrize("setting", OF_A_THREAD)
def test_custom_networks_give_the_same_bits_under_each_setting_but_the_default_dtype(name, setting):
    assert results(name, setting, setting, setting, setting) == expected(name)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_a_custom_network_keeps_the_default_dtype_of_its_fit(dtype):
    with SETTINGS[dtype]():
        model = NCFRegressor(Own, max_epochs=1, random_state=0).fit(X, Y)
        predicted = model.predict(X)
        stored = pickle.dumps(model)
    loaded = pickle.loads(stored)
    assert {weight.dtype for weight in loaded.net_.module_.parameters()} == {getattr(torch, dtype)}
    assert loaded.predict(X).tobytes() == predicted.tobytes()
    assert pickle.loads(pickle.dumps(loaded)).predict(X).tobytes() == predicted.tobytes()


def test_a_network_derived_from_ours_is_fitted_with_another_default_dtype():
    with SETTINGS["float64"]():
        model = estimators()["derived network"].fit(X, Y)
        assert {weight.dtype for weight in model.net_.module_.parameters()} == {torch.float64}
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_fit_that_diverges_says_so_under_each_setting_and_leaves_it_alone(setting):
    model = NCFRegressor(learning_rate=1e30, learning_rate_schedule="constant", rating_range=None, random_state=0)
    with SETTINGS[setting]():
        before = current()
        with pytest.raises(FloatingPointError, match="learning rate"):
            model.fit(X, Y)
        assert current() == before


@pytest.mark.parametrize("setting", SETTINGS)
def test_other_threads_see_no_setting_change_during_a_fit(setting):
    seen, looked, look = [], threading.Event(), threading.Event()
    in_fit = []

    def other_thread():
        seen.append(current())
        look.wait(60)
        seen.append(current())
        looked.set()

    class Look(Callback):
        def on_batch_begin(self, net, **kwargs):
            in_fit.append(torch.get_default_dtype())
            look.set()
            looked.wait(60)

    with SETTINGS[setting]():
        dtype = torch.get_default_dtype()
        thread = threading.Thread(target=other_thread)
        thread.start()
        NCFRegressor(max_epochs=1, random_state=0, callbacks=[Look]).fit(X, Y)
        thread.join(60)
    assert set(in_fit) == {dtype}
    assert seen[0] == seen[1]


def test_a_network_alone_follows_torchs_defaults():
    with SETTINGS["float64"](), SETTINGS["a default device"]():
        tensors = EmbeddingNN([3, 4], architecture="neumf", use_history=True).state_dict().values()
        assert {(tensor.dtype, tensor.device.type) for tensor in tensors} == {(torch.float64, "meta")}
    named = (
        EmbeddingNN([3, 4], architecture="neumf", use_history=True, dtype=torch.float16, device="meta")
        .state_dict()
        .values()
    )
    assert {(tensor.dtype, tensor.device.type) for tensor in named} == {(torch.float16, "meta")}
    plain = EmbeddingNN([3, 4], architecture="neumf", use_history=True).state_dict().values()
    assert {(tensor.dtype, tensor.device.type) for tensor in plain} == {(torch.float32, "cpu")}


def test_a_fit_under_inference_mode_resumes_from_checkpoints(tmp_path):
    class Interrupt(Callback):
        interrupts = True

        def on_epoch_begin(self, net, **kwargs):
            if self.interrupts and len(net.history) == 2:
                raise KeyboardInterrupt

    model = NCFRegressor(max_epochs=3, random_state=0, callbacks=[Interrupt])
    with torch.inference_mode(), torch.device("meta"):
        with pytest.raises(KeyboardInterrupt):
            model.set_params(checkpoint_dir=tmp_path).fit(X, Y)
        Interrupt.interrupts = False
        (path,) = tmp_path.glob("*/epoch-*.pt")
        resumed = model.fit(X, Y)
        assert (path.parent / "finished.pt").exists()
        alone = NCFRegressor(max_epochs=3, random_state=0).fit(X, Y)
        np.testing.assert_array_equal(resumed.predict(X), alone.predict(X))
    assert resumed.n_iter_ == 3
