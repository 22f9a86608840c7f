"""to_vectors: inner products order items as `recommend` does, for all models whose scores are such products."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend
from sklearn_ncf.export import _vectors, to_vectors
from sklearn_ncf.nn import EmbeddingNN

UNKNOWN = 10_000  # an id that no table has


def small(estimator=NCFRegressor, **params):
    return estimator(**{"embedding_dim": 8, "max_epochs": 3, "random_state": 0, "device": "cpu", **params})


def best(vectors, of_users, n_items):
    """Brute force: item ids and products of the largest products, by user."""
    products = of_users @ vectors.item_vectors.T
    order = np.argsort(-products, axis=1, kind="stable")[:, :n_items]
    return vectors.item_ids[order], np.take_along_axis(products, order, axis=1)


def assert_as_recommended(model, *, n_items=10, unknown=UNKNOWN):
    """Vectors of a model, whose products are checked to give the lists of all users and of an unknown one."""
    vectors = to_vectors(model)
    user, item = recommend(model, n_items=1, exclude_seen=False).columns[:2]
    for of_users, users in ((vectors.user_vectors, None), (vectors.unknown_user[None], [unknown])):
        expected = recommend(model, users, n_items=n_items, exclude_seen=False)
        assert len(expected) == len(of_users) * n_items
        found, products = best(vectors, of_users, n_items)
        if users is None:
            assert list(vectors.user_ids) == expected[user].unique().tolist()
        assert found.ravel().tolist() == expected[item].tolist()
        scores = vectors.scores(products)
        assert scores.shape == products.shape
        np.testing.assert_allclose(scores.ravel(), expected["score"], rtol=1e-4, atol=1e-5 * abs(scores).max())
    assert len(np.unique(found)) > 1
    return vectors


REGRESSORS = {
    "as it is": {},
    "no history": {"use_history": False},
    "no bias": {"use_bias": False},
    "unbounded": {"rating_range": None},
    "absolute error": {"loss": "absolute_error"},
}


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
@pytest.mark.parametrize("params", REGRESSORS.values(), ids=REGRESSORS)
def test_products_of_a_regressor_order_as_recommend(ratings, params):
    vectors = assert_as_recommended(small(**params).fit(*ratings))
    assert len(vectors.user_ids) == 60
    assert len(vectors.item_ids) == 40


RANKERS = {
    "least squares": {},
    "least squares of four": {"embedding_dim": 4, "max_epochs": 1},
    "softmax": {"loss": "softmax"},
    "cosines": {"loss": "softmax", "temperature": 0.1},
    "cosines with histories": {"loss": "softmax", "temperature": 0.1, "use_history": True},
    "no bias": {"loss": "softmax", "use_bias": False},
    "bce": {"loss": "bce"},
    "bpr with histories": {"loss": "bpr", "use_history": True},
}


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
@pytest.mark.parametrize("params", RANKERS.values(), ids=RANKERS)
def test_products_of_a_ranker_order_as_recommend(ratings, params):
    assert_as_recommended(small(NCFRanker, **params).fit(ratings[0][:600]))


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_products_stand_for_users_in_an_unknown_context(ratings, estimator):
    X, y = ratings
    X = X.assign(hour=np.arange(len(X)) % 5, place=np.arange(len(X)) % 3)
    model = small(estimator, **({} if estimator is NCFRegressor else {"loss": "bpr"})).fit(X, y + X["hour"])
    assert_as_recommended(model)


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_infrequent_ids_have_no_vectors_but_that_of_unknown_users(ratings, estimator):
    X, y = ratings
    X, y = X[:500].astype(str), y[:500]
    model = Pipeline([("enc", IdEncoder(min_frequency=10)), ("ncf", small(estimator))]).fit(X, y)
    vectors = assert_as_recommended(model, n_items=5, unknown=str(UNKNOWN))
    counts = X["user"].value_counts(), X["item"].value_counts()
    assert 0 < sum(counts[0] < 10) < len(counts[0])
    assert list(vectors.user_ids) == sorted(counts[0].index[counts[0] >= 10])
    assert list(vectors.item_ids) == sorted(counts[1].index[counts[1] >= 10])
    of_infrequent = recommend(model, [counts[0].index[-1]], n_items=5, exclude_seen=False)
    assert best(vectors, vectors.unknown_user[None], 5)[0][0].tolist() == of_infrequent["item"].tolist()


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
def test_products_of_ids_that_only_validated_are_the_scores_of_recommend(ratings):
    # A pair of two ids without training rows gets the mean rating, which is no product of what the network holds.
    X, y = (table[:120] for table in ratings)
    model = small(early_stopping=True, validation_fraction=0.5, max_epochs=20).fit(X, y)
    vectors = to_vectors(model)
    products = np.vstack([vectors.user_vectors, vectors.unknown_user]) @ vectors.item_vectors.T
    users = [*vectors.user_ids, UNKNOWN]
    listed = recommend(model, users, n_items=len(vectors.item_ids), exclude_seen=False)
    expected = listed.pivot(index="user", columns="item", values="score").loc[users, vectors.item_ids]
    np.testing.assert_allclose(vectors.scores(products), expected, rtol=1e-5)
    untrained_users, untrained_items = (table[:, -2] != 0 for table in (vectors.user_vectors, vectors.item_vectors))
    assert 0 < untrained_users.sum() < len(untrained_users)
    assert 0 < untrained_items.sum() < len(untrained_items)
    products = vectors.user_vectors[untrained_users] @ vectors.item_vectors[untrained_items].T
    np.testing.assert_allclose(vectors.scores(products), model.mean_rating_, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
def test_products_of_features_order_as_recommend(ratings):
    X, y = ratings
    X = X.assign(age=X["user"] % 9 * 1.0, kind=(X["item"] % 4).astype(str))
    model = small(user_features="age", item_features="kind").fit(X, y + X["item"] % 4)
    assert_as_recommended(model)


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
def test_scores_come_in_the_units_of_the_model(ratings):
    X, y = ratings
    assert_as_recommended(small().fit(X, 1e14 * y - 1e15))
    transformed = TransformedTargetRegressor(small(), func=np.log, inverse_func=np.exp).fit(X, y + 10)
    assert_as_recommended(transformed)


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
def test_vectors_after_partial_fit_know_the_new_ids(ratings):
    X, y = (table[:800] for table in ratings)  # of all pairs, items that everybody has interacted with are alike
    old = (X["user"] < 50) & (X["item"] < 30)
    for model in (small(), small(NCFRanker)):
        vectors = assert_as_recommended(model.fit(X[old], y[old]).partial_fit(X[~old], y[~old]))
        assert len(vectors.user_ids) == 60
        assert len(vectors.item_ids) == 40


def test_vectors_are_ready_for_an_index(ratings, monkeypatch):
    model = small().fit(*ratings)
    vectors = to_vectors(model)
    for name in ("user_vectors", "item_vectors", "unknown_user"):
        values = getattr(vectors, name)
        assert values.dtype == np.float32
        assert values.flags["C_CONTIGUOUS"]
        assert values.shape[-1] == 8 + 3  # the bias, what a user adds, and what makes items equally long
    assert not vectors.user_vectors[:, -1].any()
    lengths = np.linalg.norm(vectors.item_vectors, axis=1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-6)
    assert np.ptp(np.linalg.norm(vectors.item_vectors[:, :-1], axis=1)) > 0.1 * lengths[0]
    assert "_scores_of" not in repr(vectors)
    monkeypatch.setattr(_vectors, "IDS_CHUNK_SIZE", 7)
    in_parts = to_vectors(model)
    np.testing.assert_allclose(in_parts.user_vectors, vectors.user_vectors, rtol=1e-6)
    np.testing.assert_allclose(in_parts.item_vectors, vectors.item_vectors, rtol=1e-6)


def test_vectors_can_be_pickled(ratings):
    vectors = to_vectors(small().fit(*ratings))
    loaded = pickle.loads(pickle.dumps(vectors))
    np.testing.assert_array_equal(loaded.item_vectors, vectors.item_vectors)
    np.testing.assert_array_equal(loaded.scores([0.5, -0.5]), vectors.scores([0.5, -0.5]))


def test_the_product_is_the_score_before_the_output_layer(ratings):
    model = small().fit(*ratings)
    vectors, network = to_vectors(model), model.net_.module_
    products = vectors.user_vectors[:2] @ vectors.item_vectors[:3].T
    gmf = (model.user_embeddings_[:2] * network.gmf_weight.detach().numpy()) @ model.item_embeddings_[:3].T
    biases = model.user_biases_[:2, None] + model.item_biases_[:3] + network.intercept.item()
    np.testing.assert_allclose(products, gmf + biases, rtol=1e-4, atol=1e-5)


class Doubled(EmbeddingNN):
    def score(self, vectors, bias):
        return 2 * super().score(vectors, bias)


@pytest.mark.parametrize(
    ("architecture", "name"), [("mlp", "'mlp'"), ("neumf", "'neumf'"), (Doubled, "Doubled"), ("own", "Sum")]
)
def test_scores_that_are_no_products_are_refused(ratings, own_network, architecture, name):
    model = small(architecture=own_network if architecture == "own" else architecture).fit(*ratings)
    with pytest.raises(ValueError, match=rf'architecture={name} are no .*architecture="gmf".* recommend .*top_n='):
        to_vectors(model)


def test_a_target_transformer_that_turns_the_order_around_is_refused(ratings):
    model = TransformedTargetRegressor(small(), func=np.negative, inverse_func=np.negative).fit(*ratings)
    with pytest.raises(ValueError, match=r"does not keep the order of scores.*regressor_"):
        to_vectors(model)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [(NCFRegressor(), NotFittedError, "not fitted yet"), (Ridge(), TypeError, "fitted estimator of sklearn_ncf")],
)
def test_what_is_no_fitted_model_is_refused(model, error, message):
    with pytest.raises(error, match=message):
        to_vectors(model)


@pytest.mark.filterwarnings("ignore:.*were not seen in fit")
def test_other_encoders_of_a_pipeline_name_the_ids(ratings):
    X, y = ratings
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    assert_as_recommended(make_pipeline(encoder, small()).fit(X, y))


def test_a_model_without_any_user_or_item_of_its_own_has_empty_tables():
    X = pd.DataFrame({"user": np.arange(20), "item": np.arange(20)})
    vectors = to_vectors(make_pipeline(IdEncoder(min_frequency=2), small(max_epochs=1)).fit(X, np.arange(20.0)))
    assert vectors.user_vectors.shape == vectors.item_vectors.shape == (0, 11)
    assert vectors.unknown_user.shape == (11,)
