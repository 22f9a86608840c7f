"""to_onnx(top_n=): the lists of the graph in onnxruntime are those of `recommend`."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend
from sklearn_ncf.export import to_onnx
from sklearn_ncf.nn import Network

UNKNOWN = 10_000
TOP_N = 7
pytestmark = pytest.mark.filterwarnings("ignore:.*were not seen in fit", "ignore:n_items=")


def small(estimator=NCFRegressor, **params):
    settings = {"embedding_dim": 8, "hidden_layer_sizes": (8, 4), "max_epochs": 3, "random_state": 0, "device": "cpu"}
    return estimator(**{**settings, **params})


class TwoTowers(Network):
    """A custom network that encodes the items once."""

    def __init__(self, n_ids, embedding_dim=4, **others):
        super().__init__()
        self.users, self.items = (torch.nn.Embedding(n + 1, embedding_dim) for n in n_ids[:2])

    def forward(self, codes):
        return (self.encode_queries(codes[:, :1]) * self.encode_items(codes[:, 1])).sum(1)

    def encode_queries(self, queries):
        return self.users(queries[:, 0] + 1)

    def encode_items(self, items):
        return self.items(items + 1)

    def score_grid(self, queries, items):
        return queries @ items.T


class Graph:
    """A graph of lists in onnxruntime."""

    def __init__(self, model, folder, top_n=TOP_N):
        self.path = folder / "lists.onnx"
        to_onnx(model, self.path, top_n=top_n)
        self.session = onnxruntime.InferenceSession(self.path, providers=["CPUExecutionProvider"])
        self.item, self.scores = (output.name for output in self.session.get_outputs())
        self.types = {given.name: given.type for given in self.session.get_inputs()}

    def lists(self, users, excluded=None):
        """Items and scores for a table of users, and lists of ids to exclude for each."""
        excluded = excluded or [[] for _ in range(len(users))]
        length = max(map(len, excluded))
        none = "" if self.types["exclude"] == "tensor(string)" else -1
        padded = [[*ids, *[none] * (length - len(ids))] for ids in excluded]
        feeds = {"exclude": self.as_given("exclude", np.array(padded, dtype=object).reshape(len(users), length))}
        feeds |= {name: self.as_given(name, users[name]) for name in users}
        return self.session.run([self.item, self.scores], feeds)

    def as_given(self, name, values):
        dtypes = {"tensor(string)": object, "tensor(int64)": np.int64, "tensor(double)": np.float64}
        return np.asarray(values).astype(dtypes[self.types[name]])


def assert_lists(graph, model, users, excluded=None, *, exclude_seen=False):
    """The graph's lists are those of `recommend`; where it has fewer items, the rest is empty."""
    asked = users if len(users.columns) > 1 else users.iloc[:, 0]
    expected = recommend(model, asked, n_items=TOP_N, exclude_seen=exclude_seen)
    found, scores = graph.lists(users, excluded)
    assert found.shape == scores.shape == (len(users), TOP_N)
    left = scores > -np.inf
    assert found[left].tolist() == expected[graph.item].tolist()
    np.testing.assert_allclose(scores[left], expected["score"], rtol=1e-5, atol=1e-5)
    assert set(found[~left].tolist()) <= {"", -1}
    return found, scores


def seen(X, users):
    """For each of some users the items of a table, in no particular order, with one that no table has."""
    of_user = X.groupby("user")["item"].agg(list).to_dict()
    unknown = type(X["item"].iloc[1])(UNKNOWN)
    return [[unknown, *(id_ for id_ in of_user.get(user, []) if id_ is not None)] for user in users]


MODELS = {
    "gmf with histories": (small(), int),
    "gmf unbounded": (small(rating_range=None), str),
    "neumf": (small(architecture="neumf"), str),
    "mlp": (small(architecture="mlp", use_bias=False), int),
    "least squares": (small(NCFRanker), int),
    "softmax": (small(NCFRanker, loss="softmax"), str),
    "cosines": (small(NCFRanker, loss="softmax", temperature=0.1, use_history=True), int),
    "ranker by neumf": (small(NCFRanker, architecture="neumf", loss="bce"), int),
    "two towers": (small(architecture=TwoTowers), str),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "type_"), MODELS.values(), ids=MODELS)
def test_lists_are_those_of_recommend(ratings, tmp_path, model, type_):
    X, y = (table[:700] for table in ratings)
    X = X.astype(type_).astype(object)
    graph = Graph(model.fit(X, y), tmp_path)
    assert (graph.item, graph.scores) == ("item", "ratings" if isinstance(model, NCFRegressor) else "scores")
    users = pd.DataFrame({"user": [*X["user"].unique(), type_(UNKNOWN)]}, dtype=object)
    found, _ = assert_lists(graph, model, users)
    assert len(set(map(tuple, found))) > 1
    assert_lists(graph, model, users, seen(X, users["user"]), exclude_seen=True)
    assert_lists(graph, model, users[:1])


def test_lists_of_a_custom_network_score_each_pair(ratings, tmp_path, own_network):
    X, y = ratings
    X = X.assign(hour=np.arange(len(X)) % 5)
    model = small(architecture=own_network, max_epochs=1).fit(X, y)
    assert_lists(Graph(model, tmp_path), model, X[["user", "hour"]].drop_duplicates()[:50])


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["gmf", "neumf"])
def test_lists_in_a_context_are_those_of_recommend(ratings, tmp_path, architecture):
    X, y = ratings
    X = X.assign(hour=np.arange(len(X)) % 5, place=[f"p{number % 3}" for number in range(len(X))])
    X = X[["user", "item", "hour", "place"]]
    model = small(architecture=architecture).fit(X, y + X["hour"])
    graph = Graph(model, tmp_path)
    assert list(graph.types) == ["user", "hour", "place", "exclude"]
    users = X[["user", "hour", "place"]].drop_duplicates()[:100]
    users.iloc[0] = [UNKNOWN, 9, "elsewhere"]
    assert_lists(graph, model, users)
    assert_lists(graph, model, users, seen(X, users["user"]), exclude_seen=True)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["gmf", "neumf"])
def test_new_users_are_ranked_for_by_their_features(ratings, tmp_path, capfd, architecture):
    X, y = ratings
    X = X.assign(age=X["user"] % 9 * 1.0, kind=(X["item"] % 4).astype(str), tags=[["a"], ["a", "b"]] * (len(X) // 2))
    model = small(architecture=architecture, user_features="age", item_features=["kind", "tags"], max_epochs=20)
    old = X["user"] < 50
    model.fit(X[old], y[old] + (X["age"][old] - 4) * (X["item"][old] % 2 - 0.5))
    graph = Graph(model, tmp_path)
    assert capfd.readouterr() == ("", "")
    assert list(graph.types) == ["user", "age", "exclude"]  # items bring their features, lists of several too
    users = X[["user", "age"]].drop_duplicates()
    assert (users["user"] >= 50).any()
    found, _ = assert_lists(graph, model, users)
    of_new = [tuple(row) for row, user in zip(found, users["user"], strict=True) if user >= 50]
    assert len(set(of_new)) > 1


@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
def test_infrequent_items_are_no_candidates_and_pooled_users_share_a_list(ratings, tmp_path, estimator):
    X, y = (table[:500] for table in ratings)
    X = X.astype(object)
    X.loc[::20, "item"] = None
    model = Pipeline([("enc", IdEncoder(min_frequency=10)), ("ncf", small(estimator))]).fit(X, y)
    graph = Graph(model, tmp_path)
    counts = X["user"].value_counts()
    infrequent = counts.index[counts < 10]
    users = pd.DataFrame({"user": [*counts.index, UNKNOWN]}, dtype=object)
    assert len(infrequent)
    found, _ = assert_lists(graph, model, users)
    assert len(set(map(tuple, found[users["user"].isin([*infrequent, UNKNOWN])]))) == 1
    frequent = X["item"].value_counts()
    assert set(found.ravel()) <= set(frequent.index[frequent >= 10])
    excluded = [
        [] if user in infrequent else ids for user, ids in zip(users["user"], seen(X, users["user"]), strict=True)
    ]
    assert_lists(graph, model, users, excluded, exclude_seen=True)


def test_unknown_pairs_get_the_mean_rating(ratings, tmp_path):
    X, y = (table[:120] for table in ratings)
    model = small(early_stopping=True, validation_fraction=0.5, max_epochs=20).fit(X, y)
    n_items = X["item"].nunique()
    graph = Graph(model, tmp_path, n_items)
    found, scores = graph.lists(pd.DataFrame({"user": [UNKNOWN]}))
    expected = recommend(model, UNKNOWN, n_items=n_items, exclude_seen=False)
    assert (expected["score"] == np.float32(model.mean_rating_)).sum() > 1  # which come in their order
    assert found[0].tolist() == expected["item"].tolist()
    np.testing.assert_allclose(scores[0], expected["score"], rtol=1e-6)


def test_ratings_of_unusual_size_are_float64(ratings, tmp_path):
    X, y = ratings
    model = small().fit(X, 1e14 * y - 1e15)
    graph = Graph(model, tmp_path)
    found, scores = graph.lists(pd.DataFrame({"user": [3, 5]}))
    expected = recommend(model, [3, 5], n_items=TOP_N, exclude_seen=False)
    assert scores.dtype == np.float64
    assert found.ravel().tolist() == expected["item"].tolist()
    np.testing.assert_allclose(scores.ravel(), expected["score"], rtol=1e-5)


@pytest.fixture(scope="module")
def exported(ratings, tmp_path_factory):
    """A fitted regressor, and the graph of its lists."""
    model = small().fit(*ratings)
    return model, Graph(model, tmp_path_factory.mktemp("lists"))


def test_equal_scores_come_in_the_order_of_the_items(tmp_path, own_network):
    class Zero(own_network):
        def forward(self, codes):
            return 0 * super().forward(codes)

    X = pd.DataFrame({"user": [1, 1, 2] * 6, "item": np.arange(18)})
    model = small(architecture=Zero, max_epochs=1).fit(X, np.arange(18.0))
    found, scores = Graph(model, tmp_path).lists(pd.DataFrame({"user": [1, 2]}), [[0, 3], []])
    assert scores.tolist() == [[0.0] * TOP_N] * 2
    assert found.tolist() == [[1, 2, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6]]


def test_where_few_items_are_left_the_rest_of_a_list_is_empty(ratings, exported):
    _, graph = exported
    items = sorted(ratings[0]["item"].unique())
    assert len(items) == 40
    found, scores = graph.lists(pd.DataFrame({"user": [3, 5, 7]}), [items, items[:-2] * 2, []])
    assert found[0].tolist() == [-1] * TOP_N
    assert set(found[1, :2]) == set(items[-2:])
    assert found[1, 2:].tolist() == [-1] * (TOP_N - 2)
    assert (scores[0] == -np.inf).all()
    assert np.isfinite(scores).sum(axis=1).tolist() == [0, 2, TOP_N]


def test_the_graph_says_how_it_is_asked(exported):
    _, graph = exported
    onnx.checker.check_model(onnx.load(graph.path), full_check=True)
    shapes = {value.name: value.shape for value in (*graph.session.get_inputs(), *graph.session.get_outputs())}
    assert shapes == {"user": ["n"], "exclude": ["n", "n_excluded"], "item": ["n", TOP_N], "ratings": ["n", TOP_N]}


def test_items_are_encoded_in_the_file_once(ratings, exported):
    model, graph = exported
    sizes = [np.prod(tensor.dims) for tensor in onnx.load(graph.path).graph.initializer]
    assert sum(sizes) < model.net_.module_.embedding.weight.numel() + 1000


@pytest.mark.parametrize("top_n", [0, -1, 1.5, "3", 41])
def test_a_list_of_a_length_that_there_is_not_is_refused(exported, tmp_path, top_n):
    message = "top_n=41 must not exceed the 40 items that recommend ranks" if top_n == 41 else "'top_n' parameter"
    with pytest.raises(ValueError, match=message):
        to_onnx(exported[0], tmp_path / "model.onnx", top_n=top_n)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["exclude", "ratings", ""])
@pytest.mark.parametrize("place", [0, 1])
def test_a_column_cannot_be_named_as_something_else_of_the_graph(quick, tmp_path, name, place):
    X = pd.DataFrame({"other": [1, 2], name: [1, 2]}).iloc[:, [1 - place, place]]
    with pytest.raises(ValueError, match=f"Column '{name}' must have another name, .* 'ratings' and 'exclude'"):
        to_onnx(quick(max_epochs=1).fit(X, [1.0, 2.0]), tmp_path / "model.onnx", top_n=1)


def test_what_cannot_be_exported_is_refused_for_lists_too(ratings, tmp_path, own_network):
    class Branching(own_network):
        def forward(self, codes):
            return super().forward(codes) * (2.0 if codes.sum().item() > 5 else 1.0)

    X, y = (table[:50] for table in ratings)
    with pytest.raises(ValueError, match="network Branching cannot be exported"):
        to_onnx(small(architecture=Branching, max_epochs=1).fit(X, y), tmp_path / "model.onnx", top_n=2)
    with pytest.raises(TypeError, match="TransformedTargetRegressor cannot be exported"):
        to_onnx(TransformedTargetRegressor(small()).fit(X, y), tmp_path / "model.onnx", top_n=2)
    X = X.assign(item=X["item"] + 0.5)
    with pytest.raises(ValueError, match="Column 'item' holds ids of type float"):
        to_onnx(small().fit(X, y), tmp_path / "model.onnx", top_n=2)
