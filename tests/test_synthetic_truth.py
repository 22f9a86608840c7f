"""Features of make_ratings explain the share of biases and factors that is asked for, and change nothing else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ncf.datasets import make_ratings

SIZES = {"n_users": 4_000, "n_items": 3_000, "n_ratings": 1, "return_truth": True}


def explained_share(features, values):
    """Return the share of the variance of each column of the values that a regression on the features explains."""
    table = np.column_stack([np.ones(len(features)), features])
    fitted = table @ np.linalg.lstsq(table, values, rcond=None)[0]
    return fitted.var(axis=0) / values.var(axis=0)


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 1])
@pytest.mark.parametrize(("n_item_features", "n_user_features"), [(1, 0), (0, 3), (1, 1), (3, 2), (8, 8)])
def test_features_explain_their_share_of_biases_and_factors(share, n_item_features, n_user_features):
    numbers = {"n_item_features": n_item_features, "n_user_features": n_user_features}
    *_, truth = make_ratings(**SIZES, **numbers, feature_share=share, random_state=0)
    for kind in ("item", "user"):
        if numbers[f"n_{kind}_features"]:
            values = np.column_stack([truth[f"{kind}_bias"], truth[f"{kind}_factors"]])
            shares = explained_share(truth[f"{kind}_features"], values)
            np.testing.assert_allclose(shares, share, atol=0.04)


def test_features_of_one_side_explain_nothing_of_the_other():
    *_, truth = make_ratings(**SIZES, n_item_features=2, n_user_features=2, random_state=0)
    assert explained_share(truth.item_features, truth.item_bias) > 0.45
    assert explained_share(truth.user_features[:3_000], truth.item_bias) < 0.01
    *_, truth = make_ratings(**SIZES, n_item_features=2, random_state=0)
    assert explained_share(truth.item_features, truth.user_bias[:3_000]) < 0.01


def test_features_are_standard_normal_and_independent():
    *_, truth = make_ratings(**SIZES, n_item_features=3, n_user_features=3, feature_share=1, random_state=0)
    for features in (truth.item_features, truth.user_features):
        np.testing.assert_allclose(features.mean(axis=0), 0, atol=0.06)
        np.testing.assert_allclose(np.cov(features.T), np.eye(3), atol=0.08)
        assert np.abs(features).max() > 3


@pytest.mark.parametrize("n_factors", [0, 1, 2, 3, 5, 16])
@pytest.mark.parametrize("share", [0.5, 1])
@pytest.mark.parametrize(("n_item_features", "n_user_features"), [(1, 0), (1, 1), (1, 2), (3, 3), (20, 20)])
def test_mean_and_spread_of_ratings_do_not_depend_on_features(n_factors, share, n_item_features, n_user_features):
    rng = np.random.RandomState(0)
    user, item = rng.randint(4_000, size=50_000), rng.randint(3_000, size=50_000)
    for random_state in range(3):
        *_, truth = make_ratings(
            **SIZES,
            n_factors=n_factors,
            n_item_features=n_item_features,
            n_user_features=n_user_features,
            feature_share=share,
            random_state=random_state,
        )
        match = (truth.user_factors[user] * truth.item_factors[item]).sum(axis=1)
        assert truth.mean == pytest.approx(3.4)
        assert truth.user_bias.std() == pytest.approx(0.4, rel=0.06)
        assert truth.item_bias.std() == pytest.approx(0.4, rel=0.06)
        assert match.mean() == pytest.approx(0, abs=0.05)
        assert match.std() == pytest.approx(0.5 if n_factors else 0, rel=0.1)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_features_of_both_sides_never_cancel_out(n_item_features, n_user_features, n_factors, random_state):
    parameters = {"n_users": 500, "n_items": 500, "n_ratings": 1, "n_factors": n_factors, "return_truth": True}
    parameters |= {"random_state": random_state}
    numbers = {"n_item_features": n_item_features, "n_user_features": n_user_features}
    *_, truth = make_ratings(**parameters)
    *_, truth_more = make_ratings(**parameters, **numbers, feature_share=1)
    # Factors of opposite directions would have to be scaled up without bound to keep the variance of their match.
    assert 0.4 < truth_more.item_factors.std() / truth.item_factors.std() < 2
    assert 0.4 < truth_more.user_factors.std() / truth.user_factors.std() < 2


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_rows_have_the_features_of_their_item_and_user(n_item_features, n_user_features, n_factors, random_state):
    X, _, truth = make_ratings(
        n_factors=n_factors,
        n_item_features=n_item_features,
        n_user_features=n_user_features,
        return_truth=True,
        random_state=random_state,
    )
    item_names = [f"item_feature_{number}" for number in range(1, n_item_features + 1)]
    user_names = [f"user_feature_{number}" for number in range(1, n_user_features + 1)]
    assert X.columns.to_list() == ["user", "item", *item_names, *user_names]
    assert truth.item_features.shape == (50, n_item_features)
    assert truth.user_features.shape == (100, n_user_features)
    np.testing.assert_array_equal(X[item_names], truth.item_features[X["item"]])
    np.testing.assert_array_equal(X[user_names], truth.user_features[X["user"]])
    assert (X.groupby("item")[item_names].nunique() == 1).all(axis=None)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_features_that_explain_nothing_change_no_rating(n_item_features, n_user_features, n_factors, random_state):
    parameters = {"n_factors": n_factors, "return_truth": True, "random_state": random_state}
    X, y, truth = make_ratings(**parameters)
    X_more, y_more, truth_more = make_ratings(
        n_item_features=n_item_features, n_user_features=n_user_features, feature_share=0, **parameters
    )
    pd.testing.assert_frame_equal(X, X_more[["user", "item"]])
    pd.testing.assert_series_equal(y, y_more, check_exact=True)
    for name in set(truth) - {"item_features", "user_features"}:
        np.testing.assert_array_equal(truth[name], truth_more[name])


@given(st.integers(0, 3), st.integers(0, 3), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_pairs_and_noise_do_not_depend_on_features(n_item_features, n_user_features, feature_share, random_state):
    parameters = {"noise": 0.1, "rating_range": (-1e6, 1e6), "step": None, "random_state": random_state}
    parameters |= {"n_ratings": 50, "return_truth": True}
    X, y, truth = make_ratings(**parameters)
    X_more, y_more, truth_more = make_ratings(
        n_item_features=n_item_features, n_user_features=n_user_features, feature_share=feature_share, **parameters
    )
    pd.testing.assert_frame_equal(X, X_more[["user", "item"]])
    inside = (np.abs(truth.noise_free) < 9e5) & (np.abs(truth_more.noise_free) < 9e5)
    noise, noise_more = y - truth.noise_free, y_more - truth_more.noise_free
    np.testing.assert_allclose(noise[inside], noise_more[inside], atol=1e-8)


def test_arrays_hold_ids_and_features_as_floats():
    parameters = {"n_item_features": 1, "n_user_features": 2, "random_state": 0}
    X, y = make_ratings(**parameters)
    X_array, y_array = make_ratings(as_frame=False, **parameters)
    assert X_array.dtype == np.float64
    np.testing.assert_array_equal(X, X_array)
    np.testing.assert_array_equal(y, y_array)
    assert X.dtypes.to_list() == [np.int64] * 2 + [np.float64] * 3


def test_features_of_items_do_not_depend_on_the_number_of_those_of_users():
    *_, truth = make_ratings(**SIZES, n_item_features=2, random_state=0)
    *_, truth_more = make_ratings(**SIZES, n_item_features=2, n_user_features=3, random_state=0)
    np.testing.assert_array_equal(truth.item_features, truth_more.item_features)
    np.testing.assert_array_equal(truth.item_bias, truth_more.item_bias)
