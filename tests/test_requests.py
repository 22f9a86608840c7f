"""Requests: candidates and exclusions per user, and one user's list from a model made ready."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, Recommender, recommend
from sklearn_ncf.lists import _lists, _selection

SMALL = {"embedding_dim": 4, "max_epochs": 3, "random_state": 0, "device": "cpu"}
MODELS = {
    "regressor": lambda: NCFRegressor(**SMALL),
    "neumf": lambda: NCFRegressor(architecture="neumf", **SMALL),
    "ranker": lambda: NCFRanker(**SMALL),
    "cosines": lambda: NCFRanker(loss="softmax", temperature=0.2, **SMALL),
    "encoded": lambda: make_pipeline(IdEncoder(), NCFRanker(**SMALL)),
    "infrequent": lambda: make_pipeline(IdEncoder(min_frequency=12), NCFRegressor(**SMALL)),
    "early stopping": lambda: NCFRegressor(early_stopping=True, **SMALL),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, ratings):
    X, y = ratings
    return MODELS[request.param]().fit(X[:700], y[:700])  # so that much is left to recommend


@pytest.fixture(scope="module")
def choice(ratings):
    """A random table of users, of whom one is unknown, and candidates, of whom one is unknown."""
    rng = np.random.default_rng(0)
    X, _ = ratings
    users = [*X["user"].unique()[:9], -1]
    rows = [(user, item) for user in users for item in rng.choice([*range(40), -7], 12, replace=False)]
    return pd.DataFrame(rows, columns=["user", "item"]).sample(frac=1, random_state=0)


def brute_force(model, X, choice, n_items, excluded):
    """The lists by the definition: predict every pair, drop what is seen or excluded, sort."""
    seen = {*X[["user", "item"]].itertuples(index=False, name=None), *excluded}
    scored = choice.assign(score=Recommender(model).predict(choice[["user", "item"]]))
    kept = [pair not in seen for pair in choice[["user", "item"]].itertuples(index=False, name=None)]
    best = scored[kept].sort_values("score", ascending=False, kind="stable").groupby("user").head(n_items)
    return {user: rows["item"].tolist() for user, rows in best.groupby("user")}


def by_user(lists):
    return {user: rows["item"].tolist() for user, rows in lists.groupby("user")}


@pytest.fixture(params=["grid", "pairs"])
def way(request, monkeypatch):
    """Both ways to score candidates per user: a grid of all, and pair by pair, some users at once."""
    monkeypatch.setattr(_selection, "SPARSE", 0.0 if request.param == "grid" else 2.0)
    monkeypatch.setattr(_lists, "SCORES_CHUNK_SIZE", 60)


@pytest.mark.usefixtures("way")
@pytest.mark.filterwarnings("ignore:n_items=")
def test_candidates_and_exclusions_per_user_are_those_of_brute_force(model, ratings, choice):
    X, known = ratings[0][:700], choice[choice["item"] >= 0]
    told_apart = known["item"].isin(recommend(model, [-1], 40)["item"])  # infrequent ids are all alike
    candidates = known[told_apart & known["user"].isin([-1, *recommend(model, n_items=1)["user"]])]
    expected = brute_force(model, X, candidates, 3, ())
    assert by_user(recommend(model, n_items=3, items=candidates)) == expected
    assert by_user(recommend(model, n_items=3, items=pd.concat([candidates, candidates]))) == expected
    excluded = candidates[::3]
    found = recommend(model, n_items=3, items=candidates, exclude=excluded)
    pairs = {*excluded.itertuples(index=False, name=None)}
    assert by_user(found) == brute_force(model, X, candidates, 3, pairs)
    first = candidates["item"].iloc[0]
    found = recommend(model, n_items=3, items=candidates, exclude=first)
    assert by_user(found) == brute_force(model, X, candidates[candidates["item"] != first], 3, ())
    everything = recommend(model, n_items=3, items=candidates, exclude_seen=False)
    assert by_user(everything) == brute_force(model, X[:0], candidates, 3, ())


@pytest.mark.usefixtures("way")
@pytest.mark.filterwarnings("ignore:n_items=3")
@pytest.mark.filterwarnings("ignore:.* % of the rows")
def test_some_of_the_users_are_asked_for(model, choice):
    whole = recommend(model, n_items=3, items=choice)
    users = choice["user"].unique()[[3, 0]]
    some = recommend(model, users, 3, items=choice)
    assert some["user"].unique().tolist() == [user for user in users if user in set(whole["user"])]
    for user in users:
        of_user = whole[whole["user"] == user].reset_index(drop=True)
        pd.testing.assert_frame_equal(some[some["user"] == user].reset_index(drop=True), of_user, atol=1e-5)
    assert not len(recommend(model, [99], 3, items=choice))


def columns_of(frame):
    """The columns of a data frame of any library, in lists."""
    frame = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    return [frame[name].tolist() for name in frame]


@pytest.mark.filterwarnings("ignore:n_items=9")
def test_tables_of_pairs_have_any_form(ratings, choice):
    X, y = ratings
    for names, model in (
        (["user", "item"], NCFRegressor(**SMALL).fit(X, y)),
        (["a", "b"], NCFRegressor(**SMALL).fit(X.to_numpy(), y)),
    ):
        choice = choice[choice["item"] >= 0].set_axis(names, axis=1)
        whole = recommend(model, n_items=2, items=choice, exclude_seen=False)
        forms = [
            choice.to_numpy(),
            choice.to_numpy().tolist(),
            pl.from_pandas(choice),
            pl.from_pandas(choice).to_arrow(),
        ]
        for form in [*forms, list(choice.itertuples(index=False, name=None))]:
            found = recommend(model, n_items=2, items=form, exclude_seen=False)
            pd.testing.assert_frame_equal(
                pd.DataFrame(dict(zip(whole, map(list, columns_of(found)), strict=True))), whole, check_dtype=False
            )
            hidden = recommend(model, n_items=9, exclude=form)
            assert not {*zip(*columns_of(hidden)[:2], strict=True)} & {*map(tuple, choice.to_numpy())}


@pytest.mark.filterwarnings("ignore:n_items=2")
def test_features_of_new_candidates_and_exclusions_of_them(ratings):
    X, y = ratings
    X = X[["user", "item"]].assign(price=X["item"] % 5 + 0.5)
    model = NCFRegressor(item_features="price", **SMALL).fit(X, y)
    new = pd.DataFrame({"item": [100, 101, 102], "price": [0.5, 4.5, 2.5]})
    whole = recommend(model, [1, 2], 3, items=new)
    left = recommend(model, [1, 2], 2, items=new, exclude=[101])
    pd.testing.assert_frame_equal(
        left.drop(columns="rank"), whole[whole["item"] != 101].drop(columns="rank").reset_index(drop=True)
    )
    own = recommend(model, n_items=2, items=new.assign(user=[2, 1, 2])[["user", "item", "price"]])
    expected = whole[[(user == 1) == (item == 101) for user, item in zip(whole["user"], whole["item"], strict=True)]]
    pd.testing.assert_frame_equal(
        own.drop(columns="rank").sort_values("user", ignore_index=True, kind="stable"),
        expected.drop(columns="rank").reset_index(drop=True),
    )


# One user


@pytest.mark.filterwarnings("ignore:n_items=")
@pytest.mark.filterwarnings("ignore:.* % of the rows")
def test_one_users_list_is_that_of_recommend(model, ratings):
    recommender = Recommender(model)
    rates = recommender._ids.fitted.learns_ratings
    X, _ = ratings
    asked = [*X["user"].unique()[:5], *X["user"].unique()[-3:], -1]
    done = {3: 5.0, 8: 1.0, -99: 4.0}
    for user in asked:
        history = pd.DataFrame({"user": user, "item": [*done], "rating": [*done.values()]})
        for given, of_table in [
            ({}, {}),
            ({"exclude_seen": False}, {"exclude_seen": False}),
            ({"exclude": [1, 2, -99]}, {"exclude": [1, 2, -99]}),
            ({"items": [5, 1, 2, 30, 31, -7]}, {"items": [5, 1, 2, 30, 31, -7]}),
            ({"history": done if rates else [*done]}, {"history": history}),
            (
                {"history": done, "exclude": [1], "items": range(20)},
                {"history": history, "exclude": [1], "items": range(20)},
            ),
        ]:
            ids, scores = recommender.recommend_one(user, 6, **given)
            expected = recommender.recommend([user], 6, **of_table)
            assert ids.tolist() == expected["item"].tolist()
            np.testing.assert_allclose(scores, expected["score"], rtol=1e-4, atol=1e-5)
            assert scores.dtype == np.float32


def test_nobody_in_particular_gets_what_an_unknown_user_gets(ratings):
    X, y = ratings
    recommender = Recommender(NCFRegressor(**SMALL).fit(X, y))
    for given in ({}, {"history": {3: 5.0}}):
        nobody, unknown = recommender.recommend_one(**given), recommender.recommend_one(-1, **given)
        np.testing.assert_array_equal(nobody[0], unknown[0])
        np.testing.assert_array_equal(nobody[1], unknown[1])


def test_contexts_are_unknown_in_a_request(ratings):
    X, _ = ratings
    X = X[["user", "item"]].assign(hour=np.arange(len(X)) % 3)
    recommender = Recommender(NCFRanker(**SMALL).fit(X))
    ids, _ = recommender.recommend_one(7, 5)
    assert ids.tolist() == recommender.recommend([7], 5)["item"].tolist()


def test_ids_of_another_type_are_refused(ratings):
    X, y = ratings
    recommender = Recommender(NCFRegressor(**SMALL).fit(X, y))
    for given in ({"user": "7"}, {"history": {"3": 5.0}}, {"items": ["3"]}, {"exclude": ["3"]}):
        with pytest.raises(ValueError, match="str"):
            recommender.recommend_one(**({"user": 7} | given))
    pairs, rated = [("7", 3), (7, "3")], [("7", 3, 5.0), (7, "3", 5.0)]
    wrong = [{"exclude": ["3"]}, *({"exclude": [pair]} for pair in pairs), *({"items": [pair]} for pair in pairs)]
    for given in [*wrong, *({"history": [row]} for row in rated)]:
        with pytest.raises(ValueError, match="str"):
            recommender.recommend([7], **given)
    with pytest.raises(ValueError, match="history must be a mapping from items to ratings"):
        recommender.recommend_one(7, history=[3])
    with pytest.raises(ValueError, match=r"'n_items' parameter of Recommender\.recommend_one"):
        recommender.recommend_one(7, n_items=0)


def test_string_ids_come_out_as_they_went_in(ratings):
    X, y = ratings
    X = X[["user", "item"]].astype(str)
    recommender = Recommender(make_pipeline(IdEncoder(), NCFRegressor(**SMALL)).fit(X, y))
    ids, _ = recommender.recommend_one("7", 3, exclude=["1"])
    assert all(type(id_) is str for id_ in ids)
    assert ids.tolist() == recommender.recommend(["7"], 3, exclude=["1"])["item"].tolist()


def test_one_id_is_a_collection_of_one(ratings):
    X, _ = ratings
    X = X[["user", "item"]].astype(str).apply(lambda column: "id" + column)
    recommender = Recommender(NCFRanker(**SMALL).fit(X))
    for argument in ("exclude", "history", "items"):
        alone, listed = (recommender.recommend_one("id7", 1, **{argument: ids}) for ids in ("id31", ["id31"]))
        np.testing.assert_array_equal(alone[0], listed[0])
        np.testing.assert_array_equal(alone[1], listed[1])
