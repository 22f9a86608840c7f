"""What a further fit, an interrupt or a stop keeps of what was learnt before."""

import threading

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, TrainEndCheckpoint

from sklearn_ncf import NCFRegressor


@pytest.mark.parametrize("further", ["fit", "partial_fit"])
def test_ids_that_further_rows_do_not_have_keep_what_they_learnt(quick, ratings, further):
    X, y = ratings
    model = quick(warm_start=True, max_epochs=10, embedding_dropout=0.1).fit(X, y)
    before = model.predict(X)
    model.set_params(learning_rate=1e-12, max_epochs=1, weight_decay=0.0)
    one_user = X["user"] == X["user"].iloc[0]
    getattr(model, further)(X[one_user], y[one_user])
    kept = np.full(len(X), True) if further == "fit" else ~one_user & ~X["item"].isin(X["item"][one_user])
    assert kept.sum() > 10
    np.testing.assert_allclose(model.predict(X)[kept], before[kept], rtol=1e-5)


def with_missing(ratings):
    """Ratings of which the first 500, of missing users and items, are the highest."""
    X, y = ratings
    X = X.astype("Int64")
    X.loc[:499, ["user", "item"]] = pd.NA
    return X, y.where(np.arange(len(y)) >= 500, 5.0)


@pytest.mark.filterwarnings("ignore:100% of the rows:UserWarning")
@pytest.mark.parametrize("further", [False, True])
def test_unknown_ids_are_not_taken_for_missing_ones(quick, ratings, further):
    X, y = with_missing(ratings)
    model = quick(max_epochs=20, embedding_dropout=0.1, warm_start=True).fit(X, y)
    if further:
        model.set_params(max_epochs=1, learning_rate=1e-12, weight_decay=0.0).fit(X[500:], y[500:])
    missing, unknown = model.predict(X[:1]), model.predict(pd.DataFrame({"user": [-5], "item": [-5]}))
    assert missing[0] > 4.5
    assert unknown[0] == pytest.approx(model.mean_rating_)
    item = X["item"].iloc[600]
    of_unknown_user = model.predict(pd.DataFrame({"user": [-5], "item": [item]}))
    users = X["user"][500:].unique()
    of_known_users = model.predict(pd.DataFrame({"user": users, "item": item}))
    assert of_unknown_user[0] == pytest.approx(of_known_users.mean(), abs=0.2)


def test_parameters_set_after_fit_change_no_prediction(quick, ratings):
    X, y = with_missing(ratings)
    model = quick().fit(X, y)
    before = model.predict(X)
    model.set_params(architecture=torch.nn.Identity, embedding_dim=3, use_bias=False, rating_range=(2, 3))
    np.testing.assert_array_equal(model.predict(X), before)


def test_range_and_mean_are_those_of_all_rows_of_fit(quick, ratings):
    X, y = ratings
    outlier = y.clip(2, 4).where(np.arange(len(y)) != 7, 50)
    for seed in range(8):
        model = quick(early_stopping=True, validation_fraction=0.5, random_state=seed, max_epochs=1)
        assert model.fit(X, outlier).rating_range_ == (2, 50)
        assert model.mean_rating_ == pytest.approx(outlier.mean())
        with pytest.raises(ValueError, match="outside rating_range"):
            model.set_params(rating_range=(1, 5)).fit(X, outlier)


def test_best_epoch_is_the_one_of_the_fitted_weights_whoever_stops(quick, ratings):
    X, y = ratings
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    model = quick(early_stopping=True, learning_rate_schedule="constant", callbacks=[stopping])
    model.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    assert (model.n_iter_, model.best_epoch_) == (2, 2)
    loss = np.mean((model.predict(X[1500:]) - y[1500:]) ** 2)
    assert model.history_["valid_loss"][model.best_epoch_ - 1] == pytest.approx(loss, rel=1e-5)


def test_callbacks_save_the_weights_of_the_best_epoch(quick, ratings, tmp_path):
    X, y = ratings
    settings = {"learning_rate": 0.1, "learning_rate_schedule": "constant", "embedding_dropout": 0.0}
    model = quick(max_epochs=30, callbacks=[TrainEndCheckpoint(dirname=str(tmp_path))], **settings)
    model.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    assert model.best_epoch_ < model.n_iter_
    saved = torch.load(tmp_path / "train_end_params.pt", weights_only=True)
    assert all(torch.equal(saved[name], weight) for name, weight in model.net_.module_.state_dict().items())


@pytest.mark.parametrize("weight", [None, np.r_[np.ones(599), 1e-40], np.full(600, 1e300)])
def test_a_spread_of_rounding_errors_is_no_unit_of_the_loss(weight):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 20, (600, 2))
    y = np.full(600, 0.3)
    if weight is not None:
        y[-1] = 5
    model = NCFRegressor(rating_range=(0, 10), max_epochs=20, random_state=0).fit(X, y, sample_weight=weight)
    assert np.median(model.predict(X)) == pytest.approx(0.3, abs=0.2)


def test_fits_in_threads_are_equal_and_leave_the_global_state_alone(quick, ratings):
    X, y = ratings
    expected, before = quick().fit(X, y).predict(X), torch.get_rng_state()
    found = []
    threads = [threading.Thread(target=lambda: found.append(quick().fit(X, y).predict(X))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(predicted, expected) for predicted in found)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("optimizer", ["auto", "adam", "adamw", "rowwise_adamw", torch.optim.Adam, torch.optim.Rprop])
def test_automatic_weight_decay_suits_the_optimizer(quick, ratings, optimizer):
    X, y = ratings
    model = quick(optimizer=optimizer, max_epochs=15, embedding_dropout=0.1).fit(X, y)
    assert model.score(X, y) > (0.3 if optimizer is not torch.optim.Rprop else 0)


def test_a_further_fit_checks_and_keeps_the_rating_range(quick, ratings):
    X, y = ratings
    model = quick(warm_start=True, rating_range=(0, 6)).fit(X, y)
    with pytest.raises(ValueError, match="outside rating_range"):
        model.fit(X, y + 10)
    with pytest.raises(ValueError, match="'rating_range' parameter of NCFRegressor must"):
        model.set_params(rating_range=(9, 1)).fit(X, y)
    for other in ((0, 7), None):
        with pytest.raises(ValueError, match=r"is not that of the last fit, \(0.0, 6.0\)"):
            model.set_params(rating_range=other).fit(X, y)
    model.set_params(rating_range="auto").fit(X, y)
    assert model.rating_range_ == (0, 6)


def test_partial_fit_holds_no_rows_out(quick, ratings):
    X, y = ratings
    model = quick(early_stopping=True).fit(X, y).partial_fit(X[:1], y[:1])
    assert model.history_["valid_loss"].isna().all()
    assert model.n_iter_ == model.max_epochs


@pytest.mark.parametrize("shape", ["column", "scalar"])
def test_a_network_must_return_one_rating_a_row(quick, ratings, shape):
    class Wrong(torch.nn.Module):
        def __init__(self, n_ids, **params):
            super().__init__()
            self.bias = torch.nn.Embedding(n_ids[1] + 1, 1)

        def forward(self, codes):
            ratings = self.bias(codes[:, 1] + 1)
            return ratings if shape == "column" else ratings.mean()

    with pytest.raises(ValueError, match=r"'architecture' must return one rating a row, in shape \(\d+,\); Wrong"):
        quick(architecture=Wrong).fit(*ratings)


def test_a_scheduler_of_the_users_own_takes_the_place_of_one_cycle(quick, ratings):
    X, y = ratings
    scheduler = LRScheduler("StepLR", step_size=1, gamma=0.1)
    rates = quick(max_epochs=3, learning_rate=0.01, callbacks=[scheduler]).fit(X, y).history_["learning_rate"]
    np.testing.assert_allclose(rates, [0.01, 0.001, 0.0001])


class InterruptAtOnce(Callback):
    """Ctrl-C in the first batch."""

    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_an_interrupt_in_the_first_epoch_keeps_the_last_fit(quick, ratings):
    X, y = ratings
    model = quick(max_epochs=5).fit(X, y)
    before = model.predict(X)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[InterruptAtOnce()]).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.n_iter_ == 5


def test_the_net_predicts_codes_for_experts(quick, ratings):
    X, y = ratings
    model = quick().fit(X, y)
    np.testing.assert_allclose(model.net_.predict(model.encoder_.transform(X)), model.predict(X), rtol=1e-5)
