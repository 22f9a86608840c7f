"""The scale of ratings: neither offset nor unit change what is learned, and later ratings are checked against it."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ncf import NCFRegressor, recommend
from sklearn_ncf.datasets import make_ratings

X, Y = make_ratings(n_users=15, n_items=10, n_ratings=100, random_state=0)
Y = np.asarray(Y, dtype=np.float64)
SETTINGS = {"embedding_dim": 2, "max_epochs": 2, "random_state": 0, "device": "cpu"}


def predicted(y, **params):
    return NCFRegressor(**SETTINGS, **params).fit(X, y).predict(X)


@settings(max_examples=25)
@given(
    exponent=st.floats(-300, 298),
    offset=st.sampled_from([0.0, 1.0, -1e2, -1e4, 1e7, -1e9]),
    rating_range=st.sampled_from(["auto", None]),
    loss=st.sampled_from(["squared_error", "absolute_error", "huber"]),
)
def test_predictions_follow_a_change_of_unit_and_offset(exponent, offset, rating_range, loss):
    unit = 10.0**exponent
    settings = {"rating_range": rating_range, "loss": loss}
    found = predicted(unit * (Y + offset), **settings) / unit - offset
    np.testing.assert_allclose(found, predicted(Y, **settings), atol=max(1e-3, 1e-15 * abs(offset)))


@pytest.mark.parametrize(("unit", "offset"), [(1e-300, 0), (1e300, 0), (1.0, 1e9), (1e25, -1e30)])
def test_all_that_is_said_of_ratings_is_in_their_unit(unit, offset):
    y = unit * Y + offset
    model = NCFRegressor(**SETTINGS).fit(X, y, X_val=X, y_val=y)
    assert model.rating_range_ == (y.min(), y.max())
    assert model.mean_rating_ == pytest.approx(y.mean())
    ordinary = NCFRegressor(**SETTINGS).fit(X, Y, X_val=X, y_val=Y)
    with np.errstate(over="ignore"):
        for name in ("train_loss", "valid_loss"):
            expected = ordinary.history_[name] * np.float64(unit) ** 2
            np.testing.assert_allclose(model.history_[name], expected, rtol=1e-4)
    lists = recommend(model, [1, 2], n_items=3, exclude_seen=False)
    np.testing.assert_allclose(lists["score"], model.predict(lists[["user", "item"]]), rtol=1e-6)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.predict(X).dtype == np.float64
    few, y_few = X[:20].assign(user=99), y[:20]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cold = model.predict(few)
    grown = model.partial_fit(few, y_few).predict(few)
    assert np.abs((grown - y_few) / unit).mean() < np.abs((cold - y_few) / unit).mean()
    unknown = pd.DataFrame({"user": [-7], "item": [-7]})
    assert model.predict(unknown)[0] == pytest.approx(y.mean())


def test_ordinary_ratings_are_predicted_in_single_precision():
    assert predicted(Y).dtype == np.float32


@pytest.mark.parametrize("given", [(1e9, 1e9 + 6), (-1e308, 1e308)])
def test_a_given_range_may_have_any_offset_and_size(given):
    y = Y + 1e9
    model = NCFRegressor(**SETTINGS, rating_range=given).fit(X, y)
    assert model.rating_range_ == pytest.approx(given)
    with pytest.raises(ValueError, match="outside rating_range"):
        NCFRegressor(**SETTINGS, rating_range=(1e9, 1e9 + 2)).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_the_unit_of_weights_changes_nothing(weight):
    weights = np.arange(1.0, len(Y) + 1)
    found = [NCFRegressor(**SETTINGS).fit(X, Y, weights * unit).predict(X) for unit in (1.0, weight)]
    np.testing.assert_allclose(*found, rtol=1e-5)


@pytest.mark.parametrize("offset", [0, 1e9])
@pytest.mark.parametrize("rating_range", ["auto", None, "given"])
@pytest.mark.parametrize("n_first", [1, 3])
def test_what_one_rating_has_taught_is_no_scale_for_later_ones(n_first, rating_range, offset):
    y = Y + offset
    rating_range = (offset, offset + 6) if rating_range == "given" else rating_range
    model = NCFRegressor(**SETTINGS, rating_range=rating_range)
    model.set_params(max_epochs=20, embedding_dropout=0.1).partial_fit(X[:n_first], np.full(n_first, y[0]))
    codes = model.encoder_.categories_[0].tolist()
    model.partial_fit(X[n_first:], y[n_first:])
    assert model.encoder_.categories_[0][: len(codes)].tolist() == codes
    assert model.score(X, y) > 0.3
    assert model.mean_rating_ == pytest.approx((n_first * y[0] + y[n_first:].sum()) / len(y))
    if rating_range == "auto":
        assert model.rating_range_ == (y.min(), y.max())


def test_warm_start_learns_the_scale_that_one_rating_did_not_tell():
    model = NCFRegressor(**SETTINGS, warm_start=True).fit(X[:1], Y[:1]).fit(X, Y)
    assert model.rating_range_ == (Y.min(), Y.max())


@pytest.mark.parametrize("further", ["fit", "partial_fit"])
def test_ratings_outside_the_range_learned_are_clipped_with_a_warning(further):
    model = NCFRegressor(**SETTINGS, warm_start=True).fit(X, Y)
    with pytest.warns(UserWarning, match=r"ratings lie outside rating_range_=\(1.5, 5\)") as caught:
        getattr(model, further)(X, 2 * Y)
    assert caught[0].filename == __file__
    clipped = NCFRegressor(**SETTINGS, warm_start=True).fit(X, Y)
    getattr(clipped, further)(X, np.clip(2 * Y, 1.5, 5))
    np.testing.assert_array_equal(model.predict(X), clipped.predict(X))
    with pytest.raises(ValueError, match="outside rating_range"):
        getattr(NCFRegressor(**SETTINGS, warm_start=True, rating_range=(1, 5)).fit(X, Y), further)(X, 2 * Y)


@pytest.mark.parametrize("offset", [1e7, -3e6])
def test_ratings_in_single_precision_keep_their_mean_and_range(offset):
    y = (Y + offset).astype(np.float32)
    model = NCFRegressor(**SETTINGS).fit(X, y)
    assert model.mean_rating_ == pytest.approx(y.mean(dtype=np.float64), abs=1e-6)
    assert model.rating_range_ == (y.min(), y.max())


@pytest.mark.parametrize("rating_range", [None, (0, 10_000)])
@pytest.mark.parametrize("later", [lambda y: 1000 * y, lambda y: y + 500])
def test_later_ratings_of_another_scale_are_warned_of_where_no_range_is_learned(rating_range, later):
    model = NCFRegressor(**SETTINGS, rating_range=rating_range, warm_start=True).fit(X, Y)
    for method in (model.partial_fit, model.fit):
        with pytest.warns(UserWarning, match="far from mean_rating_") as caught:
            method(X, later(Y))
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NCFRegressor(**SETTINGS, rating_range=rating_range).fit(X, Y).partial_fit(X[:10], Y[:10])
