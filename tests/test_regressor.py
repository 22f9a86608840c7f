"""NCFRegressor: what it learns, what it keeps, and what it says of ids it has not seen."""

import pickle
import pickletools

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings


def rmse(predicted, y):
    return np.sqrt(np.mean((predicted - y) ** 2))


def test_defaults_beat_biases_where_ratings_have_factors():
    X, y = make_ratings(n_users=200, n_items=100, n_ratings=8000, n_factors=2, noise=0.1, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = NCFRegressor(random_state=0).fit(X_train, y_train)
    biases = NCFRegressor("gmf", embedding_dim=1, weight_decay=0, embedding_dropout=0.9, random_state=0)
    assert rmse(model.predict(X_test), y_test) < 0.9 * rmse(biases.fit(X_train, y_train).predict(X_test), y_test)


@pytest.mark.parametrize("scale", [1, 10, 1000])
def test_rating_scale_changes_nothing_but_the_scale(quick, ratings, scale):
    X, y = ratings
    plain, scaled = quick().fit(X, y), quick().fit(X, 7 + scale * y)
    np.testing.assert_allclose(scaled.predict(X), 7 + scale * plain.predict(X), rtol=1e-3)
    np.testing.assert_allclose(scaled.history_["train_loss"], scale**2 * plain.history_["train_loss"], rtol=1e-2)


def test_predictions_have_the_shape_of_y_and_stay_in_the_range_seen(quick, ratings):
    X, y = ratings
    predicted = quick(learning_rate=1.0, max_epochs=5).fit(X, y).predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == np.float32
    assert predicted.min() >= y.min()
    assert predicted.max() <= y.max()


def test_rating_range_can_be_given_or_left_open(quick, ratings):
    X, y = ratings
    assert quick().fit(X, y).rating_range_ == (y.min(), y.max())
    assert quick(rating_range=(0, 6)).fit(X, y).rating_range_ == (0.0, 6.0)
    unbounded = quick(rating_range=None, max_epochs=30, embedding_dropout=0.0).fit(X, y)
    assert unbounded.rating_range_ is None
    assert rmse(unbounded.predict(X), y) < 0.7 * y.std()


def test_constant_ratings_are_predicted():
    X = pd.DataFrame({"user": [1, 2, 3, 4], "item": [1, 1, 2, 2]})
    for rating_range in ("auto", None, (0, 10)):
        model = NCFRegressor(rating_range=rating_range, random_state=0).fit(X, np.full(4, 3.0))
        np.testing.assert_allclose(model.predict(X), 3, atol=0.2)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_every_loss_learns(quick, ratings, loss):
    X, y = ratings
    model = quick(loss=loss, max_epochs=15, embedding_dropout=0.1).fit(X, y)
    assert rmse(model.predict(X), y) < 0.8 * y.std()


def test_absolute_error_learns_the_median_and_squared_error_the_mean(quick):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"user": rng.integers(0, 5, 3000), "item": rng.integers(0, 5, 3000)})
    y = np.where(rng.random(3000) < 0.3, 100.0, 0.0) + rng.normal(size=3000)
    settings = {"rating_range": None, "max_epochs": 40, "weight_decay": 0.0}
    assert quick(loss="squared_error", **settings).fit(X, y).predict(X).mean() == pytest.approx(30, abs=4)
    assert quick(loss="absolute_error", **settings).fit(X, y).predict(X).mean() == pytest.approx(0, abs=4)
    assert quick(loss="huber", **settings).fit(X, y).predict(X).mean() < 26


def test_raw_ids_codes_and_pipelines_give_the_same_model(quick, ratings):
    X, y = ratings
    raw = X.assign(user="u" + X["user"].astype(str), item=X["item"] * 1000 - 7)
    codes = IdEncoder().fit_transform(raw)
    np.testing.assert_array_equal(quick().fit(raw, y).predict(raw), quick().fit(codes, y).predict(codes))


def test_further_columns_are_context(quick):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.integers(0, 10, 4000) for name in ("user", "item", "hour")})
    y = np.where(X["hour"] < 5, 1.0, 5.0) + rng.normal(scale=0.1, size=4000)
    settings = {"max_epochs": 10, "embedding_dropout": 0.1}
    for architecture in ("gmf", "mlp", "neumf"):
        model = quick(architecture=architecture, **settings).fit(X, y)
        assert model.n_features_in_ == 3
        assert rmse(model.predict(X), y) < 0.3 * y.std()
        without = quick(architecture=architecture, **settings).fit(X[["user", "item"]], y)
        assert rmse(without.predict(X[["user", "item"]]), y) > 0.8 * y.std()


def test_user_or_item_alone_known_is_scored_with_its_bias(ratings):
    X, y = ratings
    model = NCFRegressor("gmf", max_epochs=30, random_state=0).fit(X, y)
    by_item = pd.DataFrame({"user": -5, "item": np.arange(40)})
    by_user = pd.DataFrame({"user": np.arange(60), "item": -5})
    item_scores, user_scores = model.predict(by_item), model.predict(by_user)
    assert np.corrcoef(item_scores, y.groupby(X["item"]).mean().reindex(range(40)).fillna(y.mean()))[0, 1] > 0.9
    assert np.corrcoef(user_scores, y.groupby(X["user"]).mean().reindex(range(60)).fillna(y.mean()))[0, 1] > 0.9


@pytest.mark.filterwarnings("ignore:100% of the rows:UserWarning")
def test_neither_user_nor_item_known_gives_the_mean_rating(quick, ratings):
    X, y = ratings
    weight = np.linspace(0, 1, len(y))
    model = quick().fit(X, y, sample_weight=weight)
    expected = np.average(y, weights=weight)
    assert model.mean_rating_ == pytest.approx(expected)
    strangers = pd.DataFrame({"user": [-9, None], "item": [999, None]})
    np.testing.assert_allclose(model.predict(strangers), expected, rtol=1e-6)


def test_the_code_minus_one_and_missing_ids_are_one_more_id(quick):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"user": rng.integers(-1, 4, 2000), "item": rng.integers(0, 4, 2000)})
    y = np.where(X["user"] == -1, 1.0, 5.0) + rng.normal(scale=0.1, size=2000)
    coded = quick(max_epochs=20, embedding_dropout=0.0).fit(X, y)
    assert coded.predict(X[X["user"] == -1]).mean() == pytest.approx(1, abs=0.3)
    missing = X.assign(user=X["user"].astype("Int64").replace(-1, pd.NA))
    model = quick(max_epochs=20, embedding_dropout=0.0).fit(missing, y)
    assert model.predict(missing[X["user"] == -1]).mean() == pytest.approx(1, abs=0.3)


def test_infrequent_ids_share_one_vector_behind_an_encoder(quick, ratings):
    X, y = ratings
    encoder = IdEncoder(min_frequency=40).fit(X)
    codes = encoder.transform(X)
    assert (codes == -1).any()
    model = quick().fit(codes, y)
    assert model.encoder_.categories_[0][0] == -1
    assert len(model.user_embeddings_) == len(encoder.categories_[0]) + 1


def test_sample_weight_decides_between_contradicting_ratings(quick):
    X = pd.DataFrame({"user": np.arange(400) % 4, "item": np.arange(400) % 5})
    y = np.where(np.arange(400) < 200, 1.0, 5.0)
    weight = np.where(y == 5, 9.0, 1.0)
    settings = {"max_epochs": 60, "weight_decay": 0.0, "embedding_dropout": 0.0}
    assert quick(**settings).fit(X, y).predict(X).mean() == pytest.approx(3, abs=0.2)
    weighted = quick(**settings).fit(X, y, sample_weight=weight)
    assert weighted.predict(X).mean() == pytest.approx(4.6, abs=0.2)
    tenfold = quick(**settings).fit(X, y, sample_weight=10 * weight)
    np.testing.assert_allclose(tenfold.predict(X), weighted.predict(X), rtol=1e-4)


def test_rows_of_weight_zero_count_as_not_there(quick, ratings):
    X, y = ratings
    weight = (np.arange(len(y)) % 3 > 0).astype(float)
    weighted, removed = quick().fit(X, y, sample_weight=weight), quick().fit(X[weight > 0], y[weight > 0])
    np.testing.assert_array_equal(weighted.predict(X), removed.predict(X))


def test_history_has_a_row_an_epoch(quick, ratings):
    X, y = ratings
    model = quick(max_epochs=4).fit(X, y)
    assert list(model.history_) == ["epoch", "train_loss", "valid_loss", "learning_rate", "duration"]
    assert model.history_["epoch"].tolist() == [1, 2, 3, 4]
    assert model.history_["valid_loss"].isna().all()
    assert (model.history_["duration"] > 0).all()
    assert (model.n_iter_, model.best_epoch_) == (4, 4)
    assert model.history_["train_loss"].iloc[-1] < model.history_["train_loss"].iloc[0]


def test_one_cycle_rises_and_falls_and_constant_stays(quick, ratings):
    X, y = ratings
    rates = quick(max_epochs=10, learning_rate=0.01).fit(X, y).history_["learning_rate"]
    assert rates.max() == pytest.approx(0.01, rel=0.1)
    assert rates.iloc[-1] < 1e-4
    constant = quick(max_epochs=3, learning_rate_schedule="constant", learning_rate=0.002).fit(X, y)
    np.testing.assert_allclose(constant.history_["learning_rate"], 0.002)


def overfitting(quick, **params):
    return quick(
        learning_rate_schedule="constant",
        learning_rate=0.03,
        embedding_dropout=0.0,
        weight_decay=0.0,
        embedding_dim=32,
        max_epochs=60,
        **params,
    )


@pytest.mark.parametrize("early_stopping", [True, False])
def test_best_epoch_is_restored_whenever_there_is_a_validation_part(quick, ratings, early_stopping):
    X, y = ratings
    X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
    model = overfitting(quick, early_stopping=early_stopping, patience=4)
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    losses = model.history_["valid_loss"]
    assert model.best_epoch_ == losses.idxmin() + 1 < model.n_iter_
    assert np.mean((model.predict(X_val) - y_val) ** 2) == pytest.approx(losses.min(), rel=1e-4)
    assert model.n_iter_ == (model.best_epoch_ + 4 if early_stopping else 60)


def test_validation_fraction_is_drawn_at_random_from_the_rows(quick, ratings):
    X, y = ratings
    order = np.argsort(X["user"], kind="stable").to_numpy()
    model = quick(early_stopping=True, validation_fraction=0.2, max_epochs=5).fit(X.iloc[order], y.iloc[order])
    assert model.history_["valid_loss"].notna().all()
    assert len(model.encoder_.categories_[0]) == X["user"].nunique()
    # Were it the first rows, whole users would be unknown to the network, and its loss that of a model of items.
    assert model.history_["valid_loss"].min() < y.var()


def test_validation_rows_with_unknown_ids_are_scored_as_predict_scores_them(quick, ratings):
    X, y = ratings
    known = X["user"] < 50
    model = quick(max_epochs=2).fit(X[known], y[known], X_val=X, y_val=y)
    # predict gives the best epoch's ratings, and no row here has neither id known
    assert model.history_["valid_loss"].min() == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=1e-4)


def test_warm_start_goes_on_where_the_last_fit_ended(quick, ratings):
    X, y = ratings
    model = quick(warm_start=True, max_epochs=10).fit(X, y)
    after_first = model.history_["train_loss"].iloc[-1]
    model.fit(X, y)
    assert model.history_["train_loss"].iloc[-1] < after_first
    cold = clone(model).set_params(warm_start=False).fit(X, y)
    cold.fit(X, y)
    assert cold.history_["train_loss"].iloc[-1] == pytest.approx(after_first)


def test_warm_start_takes_new_ids_and_moves_no_code(quick, ratings):
    X, y = ratings
    few = X["user"] >= 20
    model = quick(warm_start=True).fit(X[few], y[few])
    codes = model.encoder_.transform(X[few])
    model.fit(X, y)
    np.testing.assert_array_equal(model.encoder_.transform(X[few]), codes)
    assert len(model.user_embeddings_) == X["user"].nunique()


def test_partial_fit_starts_as_fit_and_then_goes_on(quick, ratings):
    X, y = ratings
    model = quick(max_epochs=10, embedding_dropout=0.1).partial_fit(X[:1000], y[:1000])
    np.testing.assert_array_equal(
        model.predict(X), quick(max_epochs=10, embedding_dropout=0.1).fit(X[:1000], y[:1000]).predict(X)
    )
    before = rmse(model.predict(X[1000:]), y[1000:])
    for _ in range(3):
        model.partial_fit(X[1000:], y[1000:])
    assert rmse(model.predict(X[1000:]), y[1000:]) < before
    assert model.n_iter_ == 3


def test_embeddings_stand_in_the_order_of_the_ids(quick, ratings):
    X, y = ratings
    model = quick(architecture="neumf").fit(X, y)
    assert model.user_embeddings_.shape == (X["user"].nunique(), 16)
    assert model.item_embeddings_.shape == (X["item"].nunique(), 16)
    module = model.net_.module_
    item = model.encoder_.categories_[1][7]
    row = int(module.first_rows[1]) + model.encoder_.transform(pd.DataFrame({"user": [0], "item": [item]}))[0, 1]
    vector = module.embedding.weight[row] + module.history.summed[row]
    np.testing.assert_array_equal(model.item_embeddings_[7], vector.detach())
    assert not hasattr(quick(), "user_embeddings_")


def test_pickle_holds_weights_and_ids_and_little_else():
    X, y = make_ratings(n_users=2000, n_items=1000, n_ratings=20000, random_state=0)
    X = X.assign(user="user-" + X["user"].astype(str))
    model = NCFRegressor(max_epochs=2, early_stopping=True, random_state=0).fit(X, y)
    weights = sum(weight.numel() * weight.element_size() for weight in model.net_.module_.state_dict().values())
    ids = len(pickle.dumps(model.encoder_.categories_))
    pickled = pickle.dumps(model)
    assert len(pickled) < 1.2 * (weights + ids)
    names = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
    assert "numpy" in {name.partition(".")[0] for name in names}
    assert not {name for name in names if name == "cpu" or name.startswith(("torch", "skorch"))}
    np.testing.assert_array_equal(pickle.loads(pickled).predict(X), model.predict(X))


def test_model_asked_to_live_on_a_gpu_loads_without_one(quick, ratings):
    X, y = ratings
    model = quick().fit(X, y)
    model.device = "cuda:7"  # as fitted on a machine that has one
    reloaded = pickle.loads(pickle.dumps(model))
    assert next(reloaded.net_.module_.parameters()).device.type == "cpu"
    np.testing.assert_array_equal(reloaded.predict(X), quick().fit(X, y).predict(X))


def test_reloaded_model_can_go_on(quick, ratings):
    X, y = ratings
    model = pickle.loads(pickle.dumps(quick(warm_start=True).fit(X, y)))
    before = rmse(model.predict(X), y)
    assert rmse(model.partial_fit(X, y).predict(X), y) < before
    assert model.fit(X, y).n_iter_ == 3


class Popularity(torch.nn.Module):
    """A network of somebody's own: item biases and nothing else."""

    def __init__(
        self,
        n_ids,
        *,
        embedding_dim,
        hidden_layer_sizes,
        dropout,
        embedding_dropout,
        use_bias,
        output_range,
        output_center,
        output_scale,
    ):
        super().__init__()
        self.center, self.scale = output_center, output_scale
        self.bias = torch.nn.Embedding(n_ids[1] + 1, 1)
        torch.nn.init.zeros_(self.bias.weight)

    def forward(self, codes):
        return self.center + self.scale * self.bias(codes[:, 1] + 1)[:, 0]


def test_architecture_can_be_a_module_of_ones_own(quick, ratings):
    X, y = ratings
    model = quick(architecture=Popularity, max_epochs=30, learning_rate=0.1).fit(X, y)
    means = y.groupby(X["item"]).transform("mean")
    assert np.corrcoef(model.predict(X), means)[0, 1] > 0.98
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_optimizer_can_be_a_class_of_torch(quick, ratings):
    X, y = ratings
    for optimizer in ("auto", "adam", "adamw", "rowwise_adamw", torch.optim.RMSprop, torch.optim.Adagrad):
        model = quick(
            optimizer=optimizer, weight_decay=1e-3, learning_rate=0.02, max_epochs=15, embedding_dropout=0.1
        ).fit(X, y)
        assert rmse(model.predict(X), y) < 0.9 * y.std()


def test_batch_size_auto_gives_small_data_small_batches(ratings):
    for n_rows, expected in [(100, 32), (10_000, 200), (1_000_000, 8192)]:
        assert NCFRegressor()._settings.auto_batch_size(n_rows) == expected
    for other in (NCFRanker(), NCFRegressor(architecture="mlp")):
        for n_rows, expected in [(100, 32), (10_000, 100), (1_000_000, 4096)]:
            assert other._settings.auto_batch_size(n_rows) == expected
    assert NCFRegressor(batch_size=7)._settings.auto_batch_size(10_000) == 7


@pytest.mark.parametrize(
    ("params", "expected"), [({}, 0.014), ({"architecture": "neumf"}, 0.01), ({"learning_rate": 0.1}, 0.1)]
)
def test_learning_rate_auto_goes_by_the_architecture(quick, ratings, params, expected):
    X, y = ratings
    params = {"learning_rate": "auto", "learning_rate_schedule": "constant", "max_epochs": 1} | params
    assert quick(**params).fit(X[:200], y[:200]).history_["learning_rate"].tolist() == [expected]


def test_a_failed_fit_leaves_a_fitted_model_as_it_was(quick, ratings):
    X, y = ratings
    model = quick().fit(X, y)
    before, names = model.predict(X), model.feature_names_in_
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X.set_axis(["a", "b"], axis=1), y.where(y > 2))
    model.set_params(learning_rate=1e30, learning_rate_schedule="constant", rating_range=None)
    with pytest.raises(FloatingPointError):
        model.fit(X.set_axis(["a", "b"], axis=1).assign(c=1), y)
    assert model.feature_names_in_ is names
    np.testing.assert_array_equal(model.predict(X), before)
