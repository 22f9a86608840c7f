"""Vectors and biases of ids make up a score, in the encoder's order."""

import numpy as np
import pytest

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.nn import ITEM, USER


@pytest.mark.parametrize("use_history", [True, False])
@pytest.mark.parametrize("rating_range", ["auto", None])
def test_vectors_and_biases_give_every_score(quick, ratings, rating_range, use_history):
    X, y = ratings
    model = quick(rating_range=rating_range, use_history=use_history).fit(X, y)
    codes, network = model.encoder_.transform(X), model.net_.module_
    users, items = codes[:, USER], codes[:, ITEM]
    score = (model.user_embeddings_[users] * model.item_embeddings_[items]) @ network.gmf_weight.detach().numpy()
    score = score + model.user_biases_[users] + model.item_biases_[items] + network.intercept.item()
    expected = network.output_center + network.output_scale * score
    if rating_range == "auto":
        low, high = model.rating_range_
        bend = (high - low) / 20
        expected = low + bend * np.log((1 + np.exp((expected - low) / bend)) / (1 + np.exp((expected - high) / bend)))
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4)
    assert model.user_biases_.shape == (60,)


def test_where_there_are_no_biases_it_says_why(quick, ratings, own_network):
    X, y = ratings
    with pytest.raises(AttributeError, match="before fit"):
        NCFRegressor().user_biases_  # noqa: B018
    for model in (quick(use_bias=False).fit(X, y), NCFRanker(max_epochs=1).fit(X)):
        with pytest.raises(AttributeError, match="use_bias=False, or fitted by least squares"):
            model.item_biases_  # noqa: B018
    with pytest.raises(AttributeError, match="no table of"):
        quick(architecture=own_network).fit(X, y).user_biases_  # noqa: B018
