"""Raw ids go into models and come out of them as what they are, through whatever stands before the estimator."""

import enum
import os
import pickle
import uuid
import warnings
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.inspection import EmbeddingDisplay, TrainingHistoryDisplay
from sklearn_ncf.metrics import RankingScorer

UNKNOWN = "ignore:.*hold ids that were not seen in fit"
FEW = "ignore:.*there are fewer items"
LARGE = 2**60


class Color(enum.Enum):
    """Ids that are members of an Enum."""

    RED, GREEN, BLUE, PINK, GREY = range(5)


class Shape(enum.StrEnum):
    """Ids that are strings, and more than that."""

    ROUND, FLAT, LONG, THIN, WIDE = "rfltw"


def times(unit, zone=None):
    stamps = pd.Series(pd.date_range("2020-03-29", periods=5, freq="D")).astype(f"datetime64[{unit}]")
    return stamps if zone is None else stamps.dt.tz_localize(zone)


# Five distinct ids of each kind, as the column of a table.
KINDS = {
    "int64": lambda: pd.Series(np.arange(5) + LARGE),
    "negative int64": lambda: pd.Series([-(2**63), -1, 0, 1, 2**63 - 1]),
    "int8": lambda: pd.Series(np.arange(5, dtype=np.int8)),
    "uint64": lambda: pd.Series(np.arange(5, dtype=np.uint64) + np.uint64(2**63)),
    "big integers": lambda: pd.Series([10**30 + n for n in range(5)], dtype=object),
    "small and big integers": lambda: pd.Series([LARGE, LARGE + 1, 2**70, 2**70 + 1, 5], dtype=object),
    "floats": lambda: pd.Series([0.1, 0.2, -3.5, 1e300, 2.0**60]),
    "float32": lambda: pd.Series([0.1, 0.2, 0.3, 0.4, 0.5], dtype=np.float32),
    "bools": lambda: pd.Series([True, False]),
    "strings": lambda: pd.Series(["a", "b", "", "ä", "-1"]),
    "string objects": lambda: pd.Series(["1", "2", "3", "4", "nan"], dtype=object),
    "surrogates": lambda: pd.Series([os.fsdecode(b"caf\xe9.mp3"), "b", "c", "d", "\ud800"], dtype=object),
    "subclasses of str": lambda: pd.Series(list(Shape), dtype=object),
    "bytes": lambda: pd.Series([b"a", b"b", b"\xff", b"", b"c"], dtype=object),
    "tuples": lambda: pd.Series([("a", 1), ("a", 2), ("b", 1), (), (("c",), 3)], dtype=object),
    "frozensets": lambda: pd.Series([frozenset(), *(frozenset([n, "x"]) for n in range(4))], dtype=object),
    "ns times": lambda: times("ns"),
    "us times": lambda: times("us"),
    "s times in zones": lambda: times("s", "Europe/Berlin"),
    "ns times in zones": lambda: times("ns", "America/New_York"),
    "times of several zones": lambda: pd.Series(
        [
            pd.Timestamp("2020-01-01", tz=zone)
            for zone in ("UTC", "Asia/Tokyo", "Europe/Rome", "US/Pacific", "Asia/Dubai")
        ],
        dtype=object,
    ),
    "datetimes": lambda: pd.Series([datetime(2020, 1, n, tzinfo=UTC) for n in range(1, 6)], dtype=object),
    "timedeltas": lambda: pd.Series([pd.Timedelta(n, "s") for n in range(5)]),
    "ms timedeltas": lambda: pd.Series(np.arange(5).astype("timedelta64[ms]")),
    "dates": lambda: pd.Series([date(2020, 1, n) for n in range(1, 6)], dtype=object),
    "decimals": lambda: pd.Series([Decimal(n) / 3 for n in range(5)], dtype=object),
    "uuids": lambda: pd.Series([uuid.UUID(int=n) for n in range(5)], dtype=object),
    "enums": lambda: pd.Series(list(Color), dtype=object),
    "mixed": lambda: pd.Series([1, "1", LARGE + 1, ("1",), b"1"], dtype=object),
    "numpy scalars": lambda: pd.Series([np.int64(LARGE + n) for n in range(3)] + [np.str_("a"), "b"], dtype=object),
    "categories": lambda: pd.Series(list("abcde"), dtype="category"),
    "categories of integers": lambda: pd.Series(np.arange(5) + LARGE, dtype="category"),
    "Int64": lambda: pd.Series(np.arange(5) + LARGE, dtype="Int64"),
    "UInt64": lambda: pd.Series(np.arange(5, dtype=np.uint64) + np.uint64(2**63), dtype="UInt64"),
    "boolean": lambda: pd.Series([True, False], dtype="boolean"),
    "string[python]": lambda: pd.Series(list("abcde"), dtype="string[python]"),
    "Arrow integers": lambda: pd.Series(np.arange(5) + LARGE, dtype=pd.ArrowDtype(pa.int64())),
    "Arrow strings": lambda: pd.Series(list("abcde"), dtype=pd.ArrowDtype(pa.string())),
    "Arrow times": lambda: pd.Series(times("us"), dtype=pd.ArrowDtype(pa.timestamp("us"))),
}


def exactly(ids):
    """Ids with their types, of which no two are equal that differ."""
    return [(type(id_), id_) for id_ in (as_python(id_) for id_ in ids) if not is_missing(id_)]


def as_python(id_):
    return id_.item() if isinstance(id_, np.generic) else id_


def is_missing(id_):
    return id_ is None or id_ is pd.NA or id_ is pd.NaT or (isinstance(id_, float) and id_ != id_)


def column(kind, rows, missing):
    """A column of a table: the given rows of the ids of a kind, and a missing one at the end."""
    ids = KINDS[kind]()
    ids = ids.iloc[rows % len(ids)].reset_index(drop=True)
    if missing:
        if ids.dtype.kind in "iub" and isinstance(ids.dtype, np.dtype):
            ids = ids.astype(object)
        ids.iloc[-1] = None
    return ids


def models(params=None):
    estimator = NCFRegressor(
        "gmf", embedding_dim=2, max_epochs=1, random_state=0, device="cpu", use_history=False, **(params or {})
    )
    return {
        "estimator": estimator,
        "encoder": make_pipeline(IdEncoder(), estimator),
        "pooling encoder": make_pipeline(IdEncoder(min_frequency=2), estimator),
    }


@pytest.mark.filterwarnings(UNKNOWN, FEW, "ignore:There is no user to recommend to")
@settings(max_examples=40)
@given(
    kinds=st.tuples(*[st.sampled_from(sorted(KINDS))] * 2),
    missing=st.tuples(st.booleans(), st.booleans()),
    form=st.sampled_from(["estimator", "encoder", "pooling encoder"]),
    seed=st.integers(0, 9),
)
def test_ids_that_come_out_went_in(kinds, missing, form, seed):
    rng = np.random.RandomState(seed)
    rows = rng.randint(5, size=(2, 14))
    X = pd.DataFrame({name: column(*of) for name, *of in zip(("who", "what"), kinds, rows, missing, strict=True)})
    model = models()[form].fit(X, rng.rand(len(X)))
    found = recommend(model, exclude_seen=False)
    known = {name: set(exactly(X[name].tolist())) for name in X}
    for name in X:
        assert set(exactly(found[name].tolist())) <= known[name]
        assert not found[name].isna().any()
        if X[name].dtype == np.int64 or X[name].dtype == np.uint64:
            assert found[name].dtype == X[name].dtype
    if form != "pooling encoder":
        assert [set(exactly(found[name])) for name in X] == [known[name] for name in X]
    if not len(found):
        return
    np.testing.assert_allclose(model.predict(found[["who", "what"]]), found["score"], atol=1e-5)
    users = found["who"].drop_duplicates()
    for given_users in (users, users.tolist(), users.to_numpy(), [*users.tolist(), None]):
        again = recommend(model, given_users, exclude_seen=False)
        assert exactly(again["who"].tolist()[: len(found)]) == exactly(found["who"].tolist())
        assert exactly(again["what"].tolist()[: len(found)]) == exactly(found["what"].tolist())
        np.testing.assert_allclose(again["score"][: len(found)], found["score"], atol=1e-6)
    items = found["what"].drop_duplicates()
    similar = similar_items(model, items.tolist())
    assert set(exactly(similar["what"])) | set(exactly(similar["similar_what"])) <= set(exactly(items))
    if not kinds[0].startswith("Arrow") and kinds[0] != "surrogates":  # which pandas cannot merge itself
        merged = found.merge(X[["who"]].dropna().drop_duplicates(), on="who")
        assert exactly(merged["who"].tolist()) == exactly(found["who"].tolist())


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("form", ["estimator", "pooling encoder"])
@pytest.mark.filterwarnings(UNKNOWN, FEW)
def test_each_kind_of_id_comes_out_as_it_went_in_beside_a_missing_one(kind, form):
    n_ids = len(KINDS[kind]())
    users, items = np.repeat(np.arange(n_ids), n_ids), np.tile(np.arange(n_ids), n_ids)
    X = pd.DataFrame({"u": column(kind, np.append(users, 0), True), "i": column(kind, np.append(items, 0), True)})
    model = models()[form].fit(X, np.arange(len(X)) % 5)
    expected = set(exactly(X["u"]))
    assert len(expected) == n_ids
    found = recommend(model, exclude_seen=False)
    assert set(exactly(found["u"])) == set(exactly(found["i"])) == expected
    np.testing.assert_allclose(model.predict(found[["u", "i"]]), found["score"], atol=1e-5)
    assert set(exactly(similar_items(model, list(KINDS[kind]())[:2])["similar_i"])) <= expected
    one = KINDS[kind]().iloc[1]
    alone = recommend(model, [one, None], exclude_seen=False)
    assert exactly(alone["u"].tolist()) == exactly([one] * n_ids)
    np.testing.assert_allclose(alone["score"][:n_ids], found["score"][[id_ == one for id_ in found["u"]]], atol=1e-6)


@pytest.mark.parametrize("kind", ["int64", "uint64", "tuples", "surrogates", "ns times in zones", "us times", "enums"])
@pytest.mark.parametrize("form", ["estimator", "pooling encoder"])
def test_a_map_holds_the_ids_as_they_went_in(kind, form):
    n_ids = len(KINDS[kind]())
    rows = np.append(np.repeat(np.arange(n_ids), 2), 0)
    X = pd.DataFrame({"u": column(kind, rows, True), "i": column(kind, rows[::-1], True)})
    model = models()[form].fit(X, np.arange(len(X)) % 5)
    ids = KINDS[kind]().tolist()
    display = EmbeddingDisplay.from_estimator(model, labels={id_: f"{n}" for n, id_ in enumerate(ids)})
    assert set(exactly(display.ids)) == set(exactly(ids))
    texts = {text.get_text() for text in display.texts_}
    assert texts <= {f"{n}" for n in range(n_ids)}
    by_index = pd.Series(range(n_ids), index=pd.Index(ids, dtype=object))
    chosen = EmbeddingDisplay.from_estimator(model, ids=[*ids[:3]], color=by_index)
    assert exactly(chosen.ids) == exactly(ids[:3])
    assert chosen.color.tolist() == [0, 1, 2]
    EmbeddingDisplay.from_estimator(model, color=ids).figure_.draw_without_rendering()
    plt.close("all")


def test_labels_that_are_large_integers_stay_what_they_are():
    X = pd.DataFrame({"u": [1, 2, 3, 4], "i": [LARGE, LARGE + 1, LARGE + 2, LARGE + 3]})
    model = models()["estimator"].fit(X, [1, 2, 3, 4])
    labels = pd.Series([LARGE + 9], index=[LARGE + 1])
    display = EmbeddingDisplay.from_estimator(model, labels=labels)
    assert [text.get_text() for text in display.texts_] == [str(LARGE + 9)]
    assert display.ids[display.labelled_].tolist() == [LARGE + 1]
    plt.close("all")


# What stands around the estimator


@pytest.fixture(scope="module")
def large(ratings):
    X, y = ratings
    return (X + LARGE)[:700], y[:700]


def estimator(**params):
    return NCFRegressor("gmf", **{"embedding_dim": 4, "max_epochs": 1, "random_state": 0, "device": "cpu"} | params)


class Shift(TransformerMixin, BaseEstimator):
    """A transformer that says nothing of its columns."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.asarray(X) - LARGE

    def inverse_transform(self, X):
        return np.asarray(X) + LARGE


def search(model, kind=GridSearchCV, **params):
    name = "ncfregressor__embedding_dim" if isinstance(model, Pipeline) else "embedding_dim"
    return kind(model, {name: [4]}, cv=2, **params)


WRAPPERS = {
    "search in a Pipeline": lambda: make_pipeline(IdEncoder(), search(estimator())),
    "search": lambda: search(make_pipeline(IdEncoder(), estimator())),
    "search of the bare estimator": lambda: search(estimator()),
    "halving search": lambda: HalvingGridSearchCV(
        estimator(), {"embedding_dim": [4]}, cv=2, min_resources=100, random_state=0
    ),
    "search in a search": lambda: GridSearchCV(search(estimator()), {"estimator__max_epochs": [1]}, cv=2),
    "Pipeline in a Pipeline": lambda: make_pipeline("passthrough", make_pipeline(IdEncoder(), estimator())),
    "Pipeline as a step": lambda: make_pipeline(make_pipeline(IdEncoder(), None), estimator()),
    "step None": lambda: Pipeline([("none", None), ("enc", IdEncoder()), ("ncf", estimator())]),
    "two encoders": lambda: make_pipeline(IdEncoder(), IdEncoder(), estimator()),
    "identity": lambda: make_pipeline(FunctionTransformer(), estimator()),
    "function with inverse": lambda: make_pipeline(
        FunctionTransformer(lambda X: X - LARGE, lambda X: X + LARGE), estimator()
    ),
    "function of frames with inverse": lambda: make_pipeline(
        FunctionTransformer(
            lambda X: X.apply(lambda c: "id " + c.astype(str)),
            lambda X: X.apply(lambda c: c.str[3:].astype(np.int64)),
        ),
        IdEncoder(),
        estimator(),
    ),
    "ordinal encoder": lambda: make_pipeline(OrdinalEncoder(), estimator()),
    "ordinal encoder, then ours": lambda: make_pipeline(OrdinalEncoder(), IdEncoder(), estimator()),
    "ours, then the ordinal encoder": lambda: make_pipeline(IdEncoder(), OrdinalEncoder(), estimator()),
    "transformer without memory": lambda: make_pipeline(Shift(), IdEncoder(), estimator()),
    "encoder with frames": lambda: make_pipeline(IdEncoder().set_output(transform="pandas"), estimator()),
    "encoder of floats": lambda: make_pipeline(IdEncoder(dtype=np.float32), estimator()),
    "target transformer": lambda: TransformedTargetRegressor(
        make_pipeline(IdEncoder(), estimator()), func=np.log1p, inverse_func=np.expm1
    ),
    "falling target transformer": lambda: TransformedTargetRegressor(
        search(estimator()), func=np.negative, inverse_func=np.negative
    ),
    "target scaler": lambda: make_pipeline(
        IdEncoder(), TransformedTargetRegressor(estimator(), transformer=StandardScaler())
    ),
}
FROZEN = {
    "frozen estimator": FrozenEstimator,
    "frozen encoder": lambda model: Pipeline([("enc", FrozenEstimator(model[0])), ("ncf", FrozenEstimator(model[1]))]),
    "frozen Pipeline in a Pipeline": lambda model: Pipeline([("none", "passthrough"), ("all", FrozenEstimator(model))]),
    "frozen twice": lambda model: FrozenEstimator(FrozenEstimator(model)),
    "frozen search": lambda model: FrozenEstimator(pickle.loads(pickle.dumps(model))),
}


@pytest.mark.filterwarnings(FEW, UNKNOWN)
@pytest.mark.parametrize("name", [*WRAPPERS, *FROZEN])
def test_whatever_is_around_the_estimator_recommends_as_it_predicts(large, name):
    X, y = large
    if name in WRAPPERS:
        model = WRAPPERS[name]().fit(X, y)
    else:
        model = FROZEN[name](make_pipeline(IdEncoder(), estimator()).fit(X, y))
    found = recommend(model, n_items=3)
    assert found["user"].dtype == found["item"].dtype == np.int64
    assert set(found["user"]) == set(X["user"])
    assert set(found["item"]) <= set(X["item"])
    np.testing.assert_allclose(model.predict(found[["user", "item"]]), found["score"], rtol=1e-4)
    best = {tuple(row) for row in found[["user", "item"]][found["rank"] == 1].to_numpy().tolist()}
    user, item = min(best)
    unseen = set(X["item"]) - set(X["item"][X["user"] == user])
    scores = model.predict(pd.DataFrame({"user": user, "item": sorted(unseen)}))
    assert scores.max() == pytest.approx(found["score"][0 if found["user"][0] == user else None], rel=1e-4)
    assert similar_items(model, item, n_items=2)["similar_item"].isin(X["item"]).all()
    assert 0 <= RankingScorer(relevance_threshold=4)(model, X[::2].assign(item=X["item"][1::2].to_numpy()), y[::2]) <= 1
    assert len(TrainingHistoryDisplay.from_estimator(model).history) == 1
    assert set(EmbeddingDisplay.from_estimator(model).ids) == set(X["item"])
    plt.close("all")


CALLS = {
    "recommend": lambda model, X: recommend(model),
    "similar_items": lambda model, X: similar_items(model, [X["item"].iloc[0]]),
    "RankingScorer": lambda model, X: RankingScorer()(model, X),
    "EmbeddingDisplay": lambda model, X: EmbeddingDisplay.from_estimator(model),
    "TrainingHistoryDisplay": lambda model, X: TrainingHistoryDisplay.from_estimator(model),
}


@pytest.mark.parametrize("call", CALLS)
def test_models_that_cannot_be_unwrapped_are_refused_with_a_way_out(large, call):
    X, y = large
    not_refitted = search(estimator(), refit=False).fit(X, y)
    with pytest.raises(NotFittedError, match="with refit=False, which keeps no fitted model"):
        CALLS[call](not_refitted, X)
    for unfitted in (
        search(estimator()),
        make_pipeline(IdEncoder(), search(estimator())),
        FrozenEstimator(estimator()),
        make_pipeline(IdEncoder(), estimator()),
        TransformedTargetRegressor(estimator()),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            CALLS[call](unfitted, X)
    if call == "RankingScorer":
        return  # which takes estimators of other libraries: tests/test_foreign_estimators.py
    for other, found in (
        (VotingRegressor([("ncf", estimator())]), "VotingRegressor"),
        (make_pipeline(IdEncoder(), Ridge()), "Ridge in Pipeline"),
        (FrozenEstimator(Ridge()), "Ridge in FrozenEstimator"),
        (NCFRegressor, "type"),
        (None, "NoneType"),
    ):
        with pytest.raises(TypeError, match=f"must be a fitted estimator of sklearn_ncf, .* got {found}"):
            CALLS[call](other, X)


@pytest.mark.parametrize("call", ["recommend", "similar_items", "RankingScorer", "EmbeddingDisplay"])
def test_steps_that_give_wrong_ids_back_are_refused_with_a_way_out(large, call):
    X, y = large
    way_out = "Use IdEncoder, or leave the steps? out: the estimator takes raw ids"
    wrong = make_pipeline(
        FunctionTransformer(lambda X: X - LARGE, lambda X: X + LARGE - 7), IdEncoder(), estimator()
    ).fit(X, y)
    with pytest.raises(ValueError, match=f"inverse_transform is not the inverse of transform. {way_out}"):
        CALLS[call](wrong, X)
    unfitted = Pipeline([("enc", IdEncoder()), ("ncf", estimator().fit(X, y))])
    with pytest.raises(NotFittedError, match="This IdEncoder instance is not fitted yet"):
        CALLS[call](unfitted, X)


def test_ids_that_a_step_has_changed_for_good_are_those_that_arrive(large):
    X, y = large
    model = make_pipeline(FunctionTransformer(lambda X: X.astype(str)), estimator()).fit(X, y)
    expected = recommend(estimator().fit(X.astype(str), y), n_items=2)
    pd.testing.assert_frame_equal(recommend(model, n_items=2), expected)


def test_components_are_no_codes(ratings):
    X, y = ratings
    model = make_pipeline(PCA(2), estimator()).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="PCA, do not give the ids of column 'user' back as they went in"):
        recommend(model)


# Ids without a code of their own


def pooled(X, y, **params):
    return make_pipeline(IdEncoder(min_frequency=3, **params), estimator()).fit(X, y)


def test_ids_without_an_embedding_of_their_own_are_not_known(ratings):
    X, y = ratings
    rare = pd.DataFrame({"user": [1, 2], "item": [-7, -8]})
    X, y = pd.concat([X, rare], ignore_index=True).astype({"item": object}), np.append(y, [3.0, 4.0])
    X.loc[0, "item"] = None
    model = pooled(X, y)
    for call in (lambda ids: similar_items(model, ids), lambda ids: EmbeddingDisplay.from_estimator(model, ids=ids)):
        with pytest.raises(ValueError, match=r"holds 1 ids that were not seen in fit, so .*: -999.$"):
            call([-999, 3])
        with pytest.raises(ValueError, match=r"holds 2 ids that were infrequent .*: -7, -8. Lower min_frequency"):
            call([-7, -8, 3])
        with pytest.raises(ValueError, match="holds 1 ids that were not seen in fit: they are missing; remove them"):
            call([None, 3])
        with pytest.raises(ValueError, match=r"not seen in fit, so .*: -999. .* infrequent .*: -7. .* missing"):
            call([None, -7, -999])
        with pytest.raises(ValueError, match=r"not seen in fit, so .*: -1.$"):
            call([-1])


@pytest.mark.filterwarnings(UNKNOWN)
def test_what_a_user_has_seen_is_told_from_what_is_merely_unknown(ratings):
    X, y = ratings
    X = pd.concat([X, pd.DataFrame({"user": [1], "item": [-7]})], ignore_index=True)
    model = pooled(X, np.append(y, 3.0))
    assert -999 in recommend(model, 1, items=[-999, 3, 5], n_items=3, exclude_seen=False)["item"].tolist()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*there are fewer items")
        assert -999 in recommend(model, 1, items=[-999, 3, 5], n_items=3)["item"].tolist()


# Empty intermediate results


def nobody(column, form):
    """A model whose users or items are all missing, or all pooled."""
    n = 12
    X = pd.DataFrame({"user": [f"u{k % 3}" for k in range(n)], "item": [f"i{k % 4}" for k in range(n)]})
    X[column] = [f"id {k}" if form == "pooled" else None for k in range(n)]
    X[column] = X[column].astype(object)
    encoder = [] if form == "missing" else [IdEncoder(min_frequency=2)]
    return make_pipeline(*encoder, estimator(max_epochs=1)).fit(X, np.arange(n) % 5), X


@pytest.mark.parametrize("form", ["pooled", "missing", "missing, encoded"])
@pytest.mark.filterwarnings(UNKNOWN)
def test_no_user_or_no_item_of_its_own_gives_empty_tables(form):
    model, X = nobody("user", form)
    with pytest.warns(UserWarning, match="no user to recommend to, since all users of fit are missing or infrequent"):
        found = recommend(model)
    assert found.shape == (0, 4)
    assert found.dtypes[["rank", "score"]].tolist() == [np.intp, np.float32]
    assert len(recommend(model, ["anybody", None], n_items=2)) == 4
    assert len(similar_items(model, "i0", n_items=2)) == 2
    assert RankingScorer(k=4)(model, X) > 0
    with pytest.raises(ValueError, match="no user to draw, since all of fit are missing or infrequent"):
        EmbeddingDisplay.from_estimator(model, which="user")

    model, X = nobody("item", form)
    with pytest.warns(UserWarning, match="for 3 of 3 users there are fewer items, as few as 0"):
        found = recommend(model)
    assert list(found.columns) == ["user", "item", "rank", "score"]
    assert len(found) == 0
    with pytest.warns(UserWarning, match="there are fewer items"):
        assert len(recommend(model, "u1", items=["id 1", "new"])) == 2
    with pytest.raises(ValueError, match="items holds 1 ids that were"):
        similar_items(model, ["id 0"])
    for scorer in (RankingScorer(), RankingScorer(n_negatives=2), RankingScorer(unknown_items="include")):
        with pytest.raises(ValueError, match="no item to rank: all items of fit are missing or infrequent"):
            scorer(model, X)
    with pytest.raises(ValueError, match="no item to draw, since all of fit are missing or infrequent"):
        EmbeddingDisplay.from_estimator(model)


def test_all_users_and_all_items_pooled():
    X = pd.DataFrame({"user": range(6), "item": range(6)})
    model = make_pipeline(IdEncoder(min_frequency=2), estimator()).fit(X, np.arange(6))
    with pytest.warns(UserWarning, match="no user to recommend to"):
        assert recommend(model).shape == (0, 4)
    with pytest.raises(ValueError, match="were infrequent in fit"):
        similar_items(model, 3)


def test_lists_may_all_be_empty(ratings):
    X = pd.DataFrame([(user, item) for user in "abc" for item in range(LARGE, LARGE + 4)], columns=["user", "item"])
    model = estimator().fit(X, np.arange(12) % 5)
    with pytest.warns(UserWarning, match="for 3 of 3 users there are fewer items, as few as 0"):
        found = recommend(model)
    assert found.shape == (0, 4)
    expected = recommend(model, exclude_seen=False, n_items=1).dtypes
    pd.testing.assert_series_equal(found.dtypes, expected)


def test_one_user_and_one_item():
    X = pd.DataFrame({"user": ["a"], "item": ["x"]})
    for model in (estimator().fit(X, [3]), NCFRanker(max_epochs=1, random_state=0).fit(X)):
        assert recommend(model, exclude_seen=False, n_items=1)["item"].tolist() == ["x"]
        for empty in (lambda model: recommend(model), lambda model: similar_items(model, "x")):
            with pytest.warns(UserWarning, match="there are fewer items, as few as 0"):
                assert len(empty(model)) == 0
        with pytest.raises(ValueError, match="No positive is left to rank"):
            RankingScorer()(model, X)
        with pytest.raises(ValueError, match="A map takes two ids"):
            EmbeddingDisplay.from_estimator(model)


@pytest.mark.parametrize("encoders", [[], [IdEncoder()], [OrdinalEncoder()]])
@pytest.mark.filterwarnings(UNKNOWN)
def test_a_context_column_may_be_all_missing(ratings, encoders):
    X, y = ratings
    X = X.assign(place=np.full(len(X), np.nan))
    model = make_pipeline(*encoders, estimator()).fit(X, y)
    found = recommend(model, X["user"][:1], n_items=3)
    assert len(found) == 3
    table = pd.DataFrame({"user": X["user"][:1], "place": [np.nan]})
    assert recommend(model, table, n_items=3)["place"].isna().all()
    assert 0 < RankingScorer()(model, X[:50].assign(item=X["item"][50:100].to_numpy())) <= 1
    assert len(similar_items(model, X["item"].iloc[0], n_items=3)) == 3


@pytest.mark.parametrize("make", [lambda X: X, lambda X: X.to_numpy(), pl.from_pandas, lambda X: pa.table(X)])
def test_tables_without_rows_are_refused_by_their_shape(ratings, make):
    X, y = ratings
    pipe = make_pipeline(IdEncoder(), estimator()).fit(X[:100], y[:100])
    empty = make(X[:0])
    for call in (pipe.predict, pipe[0].transform, estimator().fit(X[:100], y[:100]).predict):
        with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
            call(empty)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        RankingScorer()(pipe, empty)
