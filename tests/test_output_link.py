"""How scores become ratings inside a range."""

import math

import numpy as np
import pytest
import torch

from sklearn_ncf import NCFRegressor
from sklearn_ncf.nn import EmbeddingNN

LINKS = ["sigmoid", "soft_clip"]


def network(link, **params):
    params = {"output_range": (1, 5), "output_center": 4.4, "output_scale": 0.9} | params
    return EmbeddingNN([3, 4], output_link=link, dtype=torch.float64, **params)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("center", [1.0, 1.1, 3.0, 4.9, 5.0])
def test_a_new_network_starts_at_the_center_kept_from_the_ends(link, center):
    net = network(link, output_center=center)
    rating = net.to_ratings(net.intercept).item()
    assert rating == pytest.approx(np.clip(center, 1.04, 4.96))


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_score_leaves_the_range_and_a_higher_one_is_never_less(link, dtype):
    scores = torch.linspace(-1e4, 1e4, 100_001, dtype=dtype)
    ratings = network(link).to_ratings(scores)
    assert ratings.min() >= 1
    assert ratings.max() <= 5
    assert ratings.diff().min() >= -1e-6
    assert network(link).to_ratings(torch.tensor([-math.inf, math.inf], dtype=dtype)).tolist() == [1, 5]


def test_a_soft_clip_adds_the_same_everywhere_inside_the_range():
    net = network("soft_clip", output_center=3.0)
    scores = torch.linspace(-1, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(net.to_ratings(scores), 3 + 0.9 * scores, atol=2e-2, rtol=0)
    rating = 3 + 0.9 * scores
    exact = 1 + 0.2 * torch.log((1 + ((rating - 1) / 0.2).exp()) / (1 + ((rating - 5) / 0.2).exp()))
    torch.testing.assert_close(net.to_ratings(scores), exact)


@pytest.mark.parametrize("link", LINKS)
def test_a_range_of_one_value_has_that_one(link):
    net = network(link, output_range=(2, 2), output_center=2, output_scale=1)
    assert net(torch.tensor([[0, 0], [-1, 3]])).tolist() == [2, 2]


def test_unknown_links_are_refused():
    with pytest.raises(ValueError, match="output_link='clip' must be one of"):
        network("clip")


def test_a_network_without_a_link_of_its_own_has_the_lectures_sigmoid(ratings):
    X, y = ratings

    class Own(EmbeddingNN):
        pass

    model = NCFRegressor(Own, max_epochs=1, random_state=0).fit(X, y)
    assert type(model.net_.module_.output_link).__name__ == "Sigmoid"
    assert type(NCFRegressor(max_epochs=1).fit(X, y).net_.module_.output_link).__name__ == "SoftClip"


def test_a_model_that_was_saved_with_a_sigmoid_keeps_it(ratings):
    X, y = ratings
    model = NCFRegressor(max_epochs=1, random_state=0).fit(X, y)
    state = model.__getstate__()
    state["_net_state"]["module_params"] = {
        name: value for name, value in state["_net_state"]["module_params"].items() if name != "output_link"
    }
    del state["_net_state"]["strengths"]
    old = object.__new__(NCFRegressor)
    old.__setstate__(state)
    low, high = old.rating_range_
    predicted = old.predict(X)
    assert type(old.net_.module_.output_link).__name__ == "Sigmoid"
    assert ((low < predicted) & (predicted < high)).all()
    old.partial_fit(X[:50], y[:50])
    assert type(old.net_.module_.output_link).__name__ == "Sigmoid"
