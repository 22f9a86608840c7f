"""What is saved, by whatever means, predicts the same when it is loaded, and says so where it cannot."""

import pickle
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.pipeline import Pipeline
from ways_of_saving import OUR_TYPES, WAYS

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, __version__, recommend
from sklearn_ncf._stamp import FORMAT
from sklearn_ncf.nn import EmbeddingNN


def pairs(X, n_rows=10_000):
    """Pairs of known and unknown users and items."""
    rng = np.random.RandomState(0)
    return pd.DataFrame({name: rng.randint(-5, X[name].max() + 10, size=n_rows) for name in ("user", "item")})


@pytest.mark.parametrize("texts", [False, True], ids=["integers", "texts"])
@pytest.mark.parametrize("architecture", ["gmf", "mlp", "neumf"])
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_every_way_of_saving_keeps_predictions_to_the_bit(ratings, estimator, architecture, texts):
    X, y = ratings
    settings = {"embedding_dim": 4, "hidden_layer_sizes": (4,), "max_epochs": 2, "random_state": 0, "device": "cpu"}
    model = Pipeline([("enc", IdEncoder(min_frequency=20)), ("ncf", estimator(architecture, **settings))])
    new = pairs(X)
    if texts:
        X, new = (table.astype(str).assign(user="ünï-" + table["user"].astype(str)) for table in (X, new))
    model.fit(X, y)
    expected = model.predict(new)
    ranked = recommend(model, n_items=1)
    for name, way in WAYS.items():
        again = way(model)
        np.testing.assert_array_equal(again.predict(new), expected, err_msg=name)
        pd.testing.assert_frame_equal(recommend(again, n_items=1), ranked, obj=name)
        pd.testing.assert_frame_equal(again["ncf"].history_, model["ncf"].history_, obj=name)
        again["ncf"].partial_fit(again["enc"].transform(X), y)  # and it can go on


def test_types_to_trust_are_the_estimators_alone(quick, ratings):
    X, y = ratings
    model = Pipeline([("enc", IdEncoder()), ("ncf", quick(early_stopping=True))]).fit(X, y)
    assert set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) <= set(OUR_TYPES)
    assert {f"{type_.__module__}.{type_.__name__}" for type_ in (IdEncoder, NCFRanker, NCFRegressor)} == set(OUR_TYPES)


@pytest.mark.parametrize(
    "ids", [["", "a\0", "\0", "😀", "é", "e\u0301", "\ud800"], [1, "1", 2.5, True], [2**63, -1, 0]]
)
def test_odd_ids_come_back_as_they_were(ids):
    column = np.array(ids, dtype=object).reshape(-1, 1)
    encoder = IdEncoder().fit(column)
    for way in (WAYS["pickle"], WAYS["deepcopy"], WAYS["skops"]):
        again = way(encoder)
        assert again.categories_[0].tolist() == encoder.categories_[0].tolist()
        assert list(map(type, again.categories_[0])) == list(map(type, encoder.categories_[0]))
        np.testing.assert_array_equal(again.transform(column), encoder.transform(column))
        again.partial_fit(column)


def test_infrequent_ids_are_counted_on_after_loading():
    few = np.array([["a"], ["b"], ["a"]], dtype=object)
    again = WAYS["skops"](IdEncoder(min_frequency=2).fit(few))
    assert again.partial_fit([["b"]]).categories_[0].tolist() == ["a", "b"]


def test_an_estimator_that_was_not_fitted_is_saved_too():
    for way in WAYS.values():
        assert way(NCFRegressor(embedding_dim=3)).embedding_dim == 3
        assert way(IdEncoder(min_frequency=3)).min_frequency == 3


@pytest.mark.parametrize(
    ("stamp", "advice"),
    [({"_format": FORMAT + 1, "_sklearn_ncf_version": "9.9"}, "saved by sklearn_ncf 9.9.*upgrade"), ({}, "fit again")],
)
@pytest.mark.parametrize("estimator", [IdEncoder(), NCFRegressor(max_epochs=1), NCFRanker(max_epochs=1)])
def test_another_versions_layout_is_refused_with_advice(ratings, estimator, stamp, advice):
    X, y = ratings
    state = estimator.fit(X, y).__getstate__()
    assert state["_sklearn_ncf_version"] == __version__
    for name in ("_format", "_sklearn_ncf_version"):
        del state[name]
    with pytest.raises(ValueError, match=f"This {type(estimator).__name__} was.* {advice}"):
        type(estimator)().__setstate__(state | stamp)


class Foreign:
    """What a file might smuggle in."""


def test_a_file_with_a_foreign_type_is_refused(quick, ratings, tmp_path):
    X, y = ratings
    model = quick().fit(X, y)
    model.smuggled = Foreign()
    skops.io.dump(model, tmp_path / "model.skops")
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="Foreign"):
        skops.io.load(tmp_path / "model.skops", trusted=OUR_TYPES)


def test_a_pickle_or_half_a_file_is_no_skops_file(quick, ratings, tmp_path):
    X, y = ratings
    model = quick().fit(X, y)
    path = tmp_path / "model.skops"
    path.write_bytes(pickle.dumps(model))
    with pytest.raises(zipfile.BadZipFile):
        skops.io.load(path, trusted=OUR_TYPES)
    path.write_bytes(skops.io.dumps(model)[:-100])
    with pytest.raises(zipfile.BadZipFile):
        skops.io.load(path, trusted=OUR_TYPES)


@pytest.mark.parametrize("make", [lambda: NCFRegressor("neumf"), lambda: NCFRanker(), lambda: IdEncoder()])
def test_a_hash_of_the_model_is_that_of_the_model_loaded(make, ratings):
    X, y = ratings
    model = make()
    if not isinstance(model, IdEncoder):
        model.set_params(embedding_dim=4, hidden_layer_sizes=(4,), max_epochs=1, random_state=0, device="cpu")
    for table in (X, X.astype(str), X.assign(day=pd.Timestamp(2026, 1, 1))):
        expected = joblib.hash(model.fit(table, y))
        for name, way in WAYS.items():
            assert joblib.hash(way(model)) == expected, name
            assert joblib.hash(way(way(model))) == expected, name


class Negated(EmbeddingNN):
    def __init__(self, n_ids, **params):
        super().__init__(n_ids, **params)

    def forward(self, codes):
        return -super().forward(codes)


@pytest.mark.parametrize("architecture", ["gmf", "mlp", "neumf"])
def test_a_subclass_saved_without_its_architecture_has_the_one_that_its_weights_are_of(ratings, architecture):
    X, y = ratings  # models of version 0.1 do not say it, and the default was another
    state = NCFRegressor(Negated, embedding_dim=4, max_epochs=1, random_state=0).fit(X, y).__getstate__()
    network = Negated(**state["_net_state"]["module_params"], architecture=architecture).eval()
    state["_net_state"]["weights"] = {name: value.numpy() for name, value in network.state_dict().items()}
    model = NCFRegressor()
    model.__setstate__(state)
    codes = torch.from_numpy(model.encoder_.transform(X))
    np.testing.assert_allclose(model.predict(X), network(codes).detach(), rtol=1e-6)
