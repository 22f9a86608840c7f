"""The lecture's mistakes stay repaired: each test fails when its mistake is put back (docs/lecture.md)."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_ncf import NCFRegressor
from sklearn_ncf.nn import EmbeddingNN

LECTURE = {
    "architecture": "mlp",
    "embedding_dim": 16,
    "hidden_layer_sizes": (64, 32, 16),
    "dropout": 0.3,
    "embedding_dropout": 0.05,
    "use_bias": False,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "learning_rate_schedule": "constant",
    "weight_decay": 1e-5,
    "batch_size": 8,
    "max_epochs": 3,
    "early_stopping": True,
    "patience": 30,
}


class Watch(Callback):
    """Writes down what each batch looked like while the net went through it."""

    def __init__(self, log):
        self.log = log

    def __sklearn_clone__(self):
        return self  # the log is read after the fit

    def on_batch_end(self, net, batch=None, training=False, y_pred=None, **kwargs):
        modes = {module.training for module in net.module_.modules()}
        self.log.append({"n_rows": len(batch[0]), "training": training, "modes": modes, "grad": y_pred.requires_grad})


@pytest.fixture
def frozen(quick):
    """Settings that train without changing a weight, so that losses can be worked out by hand."""
    return {"learning_rate": 1e-30, "learning_rate_schedule": "constant", "weight_decay": 0.0, "max_epochs": 1}


@pytest.mark.filterwarnings("ignore:.* of the rows of column:UserWarning")
def test_new_ids_at_prediction_are_scored_and_raise_no_key_error(quick, ratings):
    X, y = ratings
    model = quick().fit(X, y)
    predicted = model.predict(pd.DataFrame({"user": [0, 10**6, 10**6], "item": [10**6, 0, 10**6]}))
    assert np.isfinite(predicted).all()
    assert predicted[2] == pytest.approx(y.mean(), rel=1e-5)


def test_validation_rows_with_unknown_ids_are_not_dropped(quick, ratings):
    X, y = ratings
    log = []
    known = X["user"] < 50
    quick(callbacks=[Watch(log)], max_epochs=1).fit(X[known], y[known], X_val=X, y_val=y)
    assert sum(batch["n_rows"] for batch in log if not batch["training"]) == len(X)


@pytest.mark.parametrize("batch_size", [8, 7, 3000])
def test_batch_size_is_obeyed_and_the_last_partial_batch_is_trained_on(quick, ratings, batch_size):
    X, y = ratings
    log = []
    quick(batch_size=batch_size, callbacks=[Watch(log)], max_epochs=1).fit(X, y)
    sizes = [batch["n_rows"] for batch in log]
    assert sum(sizes) == len(X)
    assert set(sizes[:-1]) <= {batch_size}


def test_embedding_dropout_is_applied(quick, ratings, frozen):
    X, y = ratings
    losses = [
        quick(embedding_dropout=embedding_dropout, **frozen).fit(X, y).history_["train_loss"].iloc[0]
        for embedding_dropout in (0.0, 0.9)
    ]
    assert losses[0] != losses[1]


def test_first_layer_is_as_wide_as_both_embeddings(quick, ratings):
    X, y = ratings
    model = quick(architecture="mlp", embedding_dim=16, hidden_layer_sizes=(64, 32, 16), max_epochs=1).fit(X, y)
    layers = [layer for layer in model.net_.module_.modules() if isinstance(layer, torch.nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(32, 64), (64, 32), (32, 16), (16, 1)]


def test_networks_take_their_sizes_by_name(quick, ratings):
    with pytest.raises(TypeError, match="positional"):
        EmbeddingNN((3, 4), "mlp", 16)
    X, y = ratings
    module = quick().fit(X, y).net_.module_
    assert module.n_ids == (X["user"].nunique(), X["item"].nunique())
    assert module.output_range == (y.min(), y.max())


def test_train_loss_is_the_mean_over_all_rows(quick, ratings, frozen):
    X, y = ratings
    model = quick(batch_size=64, embedding_dropout=0.0, use_history=False, **frozen).fit(X, y)
    assert model.history_["train_loss"].iloc[0] == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=1e-5)


def test_validation_runs_without_dropout_and_without_gradients(quick, ratings):
    X, y = ratings
    log = []
    quick(callbacks=[Watch(log)], early_stopping=True, dropout=0.5, architecture="neumf").fit(X, y)
    assert {batch["training"] for batch in log} == {True, False}
    for batch in log:
        assert batch["modes"] == {batch["training"]}
        assert batch["grad"] is batch["training"]


def test_validation_loss_is_that_of_predict(quick, ratings, frozen):
    X, y = ratings
    model = quick(architecture="neumf", dropout=0.5, embedding_dropout=0.9, **frozen)
    model.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    loss = np.mean((model.predict(X[1500:]) - y[1500:]) ** 2)
    assert model.history_["valid_loss"].iloc[0] == pytest.approx(loss, rel=1e-5)


def test_best_model_is_kept(quick, ratings):
    X, y = ratings
    settings = {"learning_rate": 0.1, "learning_rate_schedule": "constant", "embedding_dropout": 0.0}
    model = quick(max_epochs=30, **settings).fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    losses = model.history_["valid_loss"]
    assert losses.min() < losses.iloc[-1]
    assert np.mean((model.predict(X[1500:]) - y[1500:]) ** 2) == pytest.approx(losses.min(), rel=1e-4)


def test_prediction_runs_without_dropout(quick, ratings):
    X, y = ratings
    model = quick(architecture="neumf", dropout=0.5, embedding_dropout=0.5).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    np.testing.assert_allclose(model.predict(X[:1]), model.predict(X)[:1], rtol=1e-5)


def test_a_reloaded_model_predicts_raw_ids_without_the_training_data(quick, ratings):
    X, y = ratings
    texts = X.astype(str)
    model = quick().fit(texts, y)
    pickled = pickle.dumps(model)
    weights = sum(weight.nbytes for weight in model.net_.module_.state_dict().values())
    pairs = len(X.drop_duplicates()) * 2 * 4  # who has rated what, as codes
    assert len(pickled) < 1.1 * (weights + pairs) + 4_000
    np.testing.assert_array_equal(pickle.loads(pickled).predict(texts), model.predict(texts))


def test_the_lectures_settings_fit_as_they_stand(ratings):
    X, y = ratings
    model = NCFRegressor(**LECTURE, random_state=0).fit(X, y)
    assert model.n_iter_ == 3
    assert model.user_embeddings_.shape[1] == 16
    assert np.mean((model.predict(X) - y) ** 2) < y.var()
