"""What the defaults are worth on real ratings; benchmarks/accuracy.py compares them with the peers."""

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens


def bias_only(X, y, X_test):
    """Mean and damped biases of user and item, by alternating means."""
    predicted, known = np.full(len(X_test), y.mean()), np.full(len(X), y.mean())
    bias = {}
    for column in ["item", "user"] * 10:
        if column in bias:
            known -= X[column].map(bias[column]).to_numpy()
        rest = (y - known).groupby(X[column])
        bias[column] = rest.sum() / (rest.count() + 5)
        known += X[column].map(bias[column]).to_numpy()
    for column, biases in bias.items():
        predicted += X_test[column].map(biases).fillna(0).to_numpy()
    return predicted


@pytest.fixture(scope="module")
def movielens():
    X, y = load_movielens(return_X_y=True)
    return train_test_split(X, y, test_size=0.2, random_state=0)


@pytest.mark.slow
def test_real_ratings_are_predicted_far_better_than_by_biases(movielens):
    X, X_test, y, y_test = movielens
    error = root_mean_squared_error(y_test, NCFRegressor(random_state=0).fit(X, y).predict(X_test))
    assert error < 0.96 * root_mean_squared_error(y_test, bias_only(X, y, X_test))


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("n_ratings", [500, 1_000, 5_000])
def test_few_ratings_are_predicted_no_worse_than_by_biases(movielens, n_ratings):
    X, X_test, y, y_test = movielens
    X, y = X[:n_ratings], y[:n_ratings]  # the split has shuffled them
    error = root_mean_squared_error(y_test, NCFRegressor(random_state=0).fit(X, y).predict(X_test))
    assert error < 1.002 * root_mean_squared_error(y_test, bias_only(X, y, X_test))


@pytest.mark.parametrize(("low", "high"), [(-10, 10), (1, 100)])
def test_other_rating_scales_give_the_same_error_up_to_the_scale(movielens, low, high):
    X, X_test, y, y_test = (part[:10_000] for part in movielens)

    def error(scale, shift):
        model = NCFRegressor(max_epochs=5, random_state=0).fit(X, shift + scale * y)
        return root_mean_squared_error(shift + scale * y_test, model.predict(X_test)) / scale

    scale = (high - low) / (y.max() - y.min())
    assert error(scale, low - scale * y.min()) == pytest.approx(error(1, 0), rel=0.001)
