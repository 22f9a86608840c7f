"""What the defaults are worth on real ratings; benchmarks/accuracy.py compares them with the peers."""

import pytest
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor


def bias_only(X, y, X_test):
    """Predictions of damped biases of user and item (Koren 2008)."""
    return BiasRegressor().fit(X, y).predict(X_test)


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
@pytest.mark.parametrize("n_ratings", [5_000, 20_000])
def test_few_ratings_are_predicted_as_well_as_by_biases(movielens, n_ratings):
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
