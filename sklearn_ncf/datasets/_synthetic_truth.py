"""What synthetic ratings are made from: mean, biases and factors, and features that explain a share of these."""

import numpy as np
from sklearn.utils import Bunch

# The make-up of a rating, as shares of the width of the rating range. In the default range of
# 1 to 5 stars: mean 3.4, standard deviations 0.4 (user), 0.4 (item) and 0.5 (their match), near
# what MovieLens shows; about 2 % of the ratings then lie outside the range and are clipped.
MEAN_SHARE = 0.6
BIAS_SHARE = 0.1
MATCH_SHARE = 0.125


def draw_truth(rng, n_users, n_items, n_factors, low, high):
    """Return a Bunch of mean, biases and factors; see `make_ratings`."""
    width = high - low
    bias_scale, factor_scale = _scales(n_factors, width)
    return Bunch(
        mean=low + MEAN_SHARE * width,
        user_bias=bias_scale * rng.standard_normal(n_users),
        item_bias=bias_scale * rng.standard_normal(n_items),
        user_factors=factor_scale * rng.standard_normal((n_users, n_factors)),
        item_factors=factor_scale * rng.standard_normal((n_items, n_factors)),
    )


def explain_by_features(rng, truth, width, n_item_features, n_user_features, share):
    """Draw features of items and users, and replace the share of the variance of biases and factors by their part."""
    n_factors = truth.item_factors.shape[1]
    scales = _scales(n_factors, width)
    weights = {}
    for kind, n_features in (("item", n_item_features), ("user", n_user_features)):
        truth[f"{kind}_features"] = rng.standard_normal((len(truth[f"{kind}_bias"]), n_features))
        weights[kind] = _draw_weights(rng, n_features, 1 + n_factors)
    if n_item_features and n_user_features:
        # The features of both sides meet in the match, and factors that share features are correlated.
        overlap = _balance(weights["item"][:, 1:], weights["user"][:, 1:])
        match_scale = (1 - share**2 + share**2 * overlap) ** -0.25
    else:
        match_scale = 1.0
    for kind in ("item", "user"):
        if weights[kind].size:
            explained = truth[f"{kind}_features"] @ weights[kind]
            for name, part, scale in zip(("bias", "factors"), (explained[:, 0], explained[:, 1:]), scales, strict=True):
                own = truth[f"{kind}_{name}"]
                truth[f"{kind}_{name}"] = np.sqrt(1 - share) * own + np.sqrt(share) * scale * part
            truth[f"{kind}_factors"] *= match_scale


def score_pairs(truth, user, item):
    """Return mean + biases + match of each pair, neither clipped nor rounded."""
    score = truth.mean + truth.user_bias[user] + truth.item_bias[item]
    # One factor at a time: the factors of all rows together would be the largest arrays here.
    for user_factor, item_factor in zip(truth.user_factors.T, truth.item_factors.T, strict=True):
        score += user_factor[user] * item_factor[item]
    return score


def _scales(n_factors, width):
    """Return the standard deviations of a bias and of a factor."""
    # A dot product of n_factors pairs, each factor of deviation s, has the variance
    # n_factors * s**4.
    return BIAS_SHARE * width, np.sqrt(MATCH_SHARE * width / np.sqrt(max(n_factors, 1)))


def _draw_weights(rng, n_features, n_columns):
    """Draw a random direction for each column: a weighted sum of standard normal features has the variance 1."""
    weights = rng.standard_normal((n_features, n_columns))
    return weights / np.linalg.norm(weights, axis=0)


def _balance(item_weights, user_weights):
    """Flip some directions of users, and return the variance of the match of both sides' weighted sums.

    It is relative to the match of independent sums. The flips keep it near 1 and above 0: otherwise, the directions
    could cancel each other out.
    """
    n_factors = item_weights.shape[1]
    if n_factors == 0:
        return 1.0
    total = np.zeros((len(item_weights), len(user_weights)))
    for number in range(n_factors):
        term = np.outer(item_weights[:, number], user_weights[:, number])
        # Each term alone would add 1. The half is for rounding.
        must_add = np.sum(total**2) <= number + 0.5
        if (np.sum(total * term) >= 0) != must_add:
            user_weights[:, number] *= -1
            term = -term
        total += term
    return np.sum(total**2) / n_factors
