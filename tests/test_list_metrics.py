"""Coverage, novelty and diversity equal their definitions, whatever form lists come in."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_ncf import NCFRanker, recommend, similar_items
from sklearn_ncf.metrics import catalog_coverage, intra_list_diversity, novelty

CATALOG = ["a", "b", "c", "d", "e"]
INTERACTIONS = pd.DataFrame({"user": [1, 1, 2, 3, 4, 4, 1], "item": ["a", "b", "a", "a", "a", "c", "b"]})
VECTORS = np.array([[1.0, 0], [0, 2], [-3, 0], [1, 1], [0, 0]])
LISTS = st.lists(st.lists(st.sampled_from(CATALOG), unique=True, max_size=5), min_size=1, max_size=6).filter(any)


def metrics_of(lists, k=None):
    """The three metrics of the same lists."""
    return (
        catalog_coverage(lists, CATALOG, k=k),
        novelty(lists, INTERACTIONS, k=k),
        intra_list_diversity(lists, CATALOG, VECTORS, k=k),
    )


def by_definition(lists):
    lists = [items for items in lists if items]
    n_users = INTERACTIONS.groupby("item")["user"].nunique()
    bits = [np.mean([-np.log2(n_users.get(item, 1) / 4) for item in items]) for items in lists]
    cosines = pd.DataFrame(cosine_similarity(VECTORS), CATALOG, CATALOG)
    distances = [[1 - cosines.loc[pair] for pair in combinations(items, 2)] for items in lists]
    return (
        len(set().union(*lists)) / len(CATALOG),
        np.mean(bits),
        np.mean([np.mean(of_list) if of_list else 0 for of_list in distances]),
    )


@given(LISTS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_metrics_are_their_definitions(lists, k, random):
    found = metrics_of(lists)
    assert found == pytest.approx(by_definition(lists), abs=1e-12)
    if any(items[:k] for items in lists):
        assert metrics_of(lists, k) == pytest.approx(metrics_of([items[:k] for items in lists]))
    assert 0 <= found[0] <= 1
    assert 0 <= found[1] <= 2  # log2 of the number of users
    assert 0 <= found[2] <= 2
    shuffled = [random.sample(items, len(items)) for items in random.sample(lists, len(lists))]
    assert metrics_of(shuffled) == pytest.approx(found)  # neither the order of lists nor that within them matters
    assert catalog_coverage(lists, CATALOG, k=k) <= found[0]


def test_hand_worked_cases():
    assert metrics_of([["a", "c"], ["b"]]) == pytest.approx((3 / 5, (1 + 2) / 2, (2 + 0) / 2))
    assert novelty([["a"]], INTERACTIONS) == 0  # everybody has interacted with it
    assert novelty([["z"]], INTERACTIONS) == 2  # nobody has, which counts as one of four users
    assert intra_list_diversity([["a", "e"]], CATALOG, VECTORS) == 1  # a vector of zeros has no direction


FORMS = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "array": lambda rows: np.array(rows, dtype=object),
    "strings": lambda rows: np.array(rows),
    "padded": lambda rows: [[*row, None, float("nan")] for row in rows],
    "pandas": lambda rows: as_table(rows).sample(frac=1, random_state=0),
    "polars": lambda rows: pl.DataFrame(as_table(rows)),
    "pyarrow": lambda rows: pa.table(as_table(rows)),
    "context": lambda rows: as_table(rows).assign(user=0, hour=as_table(rows)["user"])[
        ["user", "hour", "item", "rank"]
    ],
}


def as_table(rows):
    """Lists as `recommend` returns them."""
    table = [(user, item, rank, 0.0) for user, items in enumerate(rows) for rank, item in enumerate(items, start=1)]
    return pd.DataFrame(table, columns=["user", "item", "rank", "score"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("k", [None, 2])
def test_lists_come_in_any_form(form, k):
    rows = [["a", "b", "c"], ["a", "d", "b"]]
    assert metrics_of(FORMS[form](rows), k) == pytest.approx(metrics_of(rows, k))


@pytest.mark.parametrize("make", [list, tuple, set, np.array, pd.Series, pd.Index, pl.Series, pa.array])
def test_a_catalog_comes_in_any_form(make):
    assert catalog_coverage([["a", "b"]], make(CATALOG)) == 2 / 5
    if make is not set:
        assert intra_list_diversity([["a", "b"]], make(CATALOG), VECTORS) == 1


def test_what_recommend_returns_is_taken(ratings):
    X, _ = ratings
    model = NCFRanker(embedding_dim=4, max_epochs=1, random_state=0).fit(X)
    items, vectors = model.encoder_.categories_[1], model.item_embeddings_
    lists = recommend(model, [1, 2, 3], n_items=5)
    rows = lists.groupby("user")["item"].agg(list).tolist()
    assert catalog_coverage(lists, items) == catalog_coverage(rows, items)
    assert novelty(lists, X) == pytest.approx(novelty(rows, X))
    diversity = intra_list_diversity(lists, items, vectors)
    assert diversity == pytest.approx(intra_list_diversity(rows, items, vectors))
    assert intra_list_diversity(similar_items(model, items, n_items=5), items, vectors) < diversity


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: catalog_coverage([["a", "z"]], CATALOG), "an item that is not in the catalog: 'z'"),
        (lambda: intra_list_diversity([["a", "z"]], CATALOG, VECTORS), "an item that has no vector: 'z'"),
        (lambda: intra_list_diversity([["a"]], CATALOG[:4], VECTORS), "inconsistent numbers of samples"),
        (lambda: intra_list_diversity([["a"]], ["a"] * 5, VECTORS), "items must be distinct"),
        (lambda: catalog_coverage(["a", "b"], CATALOG), "must be rows of item ids"),
        (lambda: catalog_coverage(np.arange(3), CATALOG), "must be rows of item ids"),
        (lambda: catalog_coverage([[]], CATALOG), "recommendations is empty"),
        (lambda: catalog_coverage([[None]], CATALOG), "recommendations holds no item"),
        (lambda: catalog_coverage([["a"]], []), "catalog is empty"),
        (lambda: catalog_coverage(INTERACTIONS, CATALOG), "must have the columns of recommend"),
        (lambda: catalog_coverage([["a"]], CATALOG, k=0), "'k' parameter"),
        (lambda: novelty([["a"]], [["a"]]), "minimum of 2 is required"),
    ],
)
def test_bad_lists_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
