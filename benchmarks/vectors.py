"""Vectors of to_vectors in indexes of nearest neighbors, on ML-1M: python -m benchmarks.vectors [--quick].

Top 10 of 1,000 users among 3,706 items, compared with `recommend(exclude_seen=False)`: lists of faiss' flat index that
are identical, and the share of items that graphs of neighbors find, also without the component that makes items equally
long. Needs faiss-cpu, hnswlib and usearch. `--quick` fits for two epochs.
"""

import sys
import warnings

import numpy as np

from benchmarks.ratings import load
from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.export import to_vectors

N_ITEMS = 10
N_USERS = 1000
M, EF_CONSTRUCTION = 32, 400  # neighbors of an item in a graph, and how many are tried to find them
EF = (20, 50, 100, 200)  # how many a query tries
MODELS = {
    "`NCFRegressor()`": NCFRegressor(random_state=0, device="cpu"),
    '`NCFRegressor(loss="absolute_error")`': NCFRegressor(loss="absolute_error", random_state=0, device="cpu"),
    "`NCFRanker()`": NCFRanker(random_state=0, device="cpu"),
    '`NCFRanker(loss="softmax")`': NCFRanker(loss="softmax", random_state=0, device="cpu"),
    '`NCFRanker(loss="softmax", temperature=0.1)`': NCFRanker(
        loss="softmax", temperature=0.1, random_state=0, device="cpu"
    ),
    '`NCFRanker(loss="bpr")`': NCFRanker(loss="bpr", random_state=0, device="cpu"),
}


def by_faiss(items, users):
    import faiss

    index = faiss.IndexFlatIP(items.shape[1])
    index.add(items)
    return index.search(users, N_ITEMS)[1]


def by_hnswlib(items, users, ef):
    import hnswlib

    index = hnswlib.Index(space="ip", dim=items.shape[1])
    index.init_index(len(items), M=M, ef_construction=EF_CONSTRUCTION, random_seed=0)
    index.set_num_threads(1)
    index.add_items(items)
    index.set_ef(ef)
    return index.knn_query(users, N_ITEMS)[0].astype(np.int64)


def by_usearch(items, users, ef):
    from usearch.index import Index

    index = Index(
        ndim=items.shape[1],
        metric="ip",
        dtype="f32",
        connectivity=M,
        expansion_add=EF_CONSTRUCTION,
        expansion_search=ef,
    )
    index.add(np.arange(len(items)), items, threads=1)
    return np.asarray(index.search(users, N_ITEMS, threads=1).keys).astype(np.int64)


def found_share(places, expected):
    """The share of the best items that an index finds."""
    return np.mean([len(np.intersect1d(*lists)) for lists in zip(places, expected, strict=True)]) / N_ITEMS


def measure(title, model):
    vectors = to_vectors(model)
    some = np.random.RandomState(0).permutation(len(vectors.user_ids))[:N_USERS]
    users = np.ascontiguousarray(vectors.user_vectors[some])
    expected = recommend(model, vectors.user_ids[some], N_ITEMS, exclude_seen=False)
    items = expected["item"].to_numpy().reshape(-1, N_ITEMS)
    places = by_faiss(vectors.item_vectors, users)
    identical = (vectors.item_ids[places] == items).all(axis=1)
    scores = vectors.scores(np.einsum("uc,ukc->uk", users, vectors.item_vectors[places]))
    equal = np.isclose(scores, expected["score"].to_numpy().reshape(-1, N_ITEMS), rtol=1e-6, atol=0).all(axis=1)
    norms = np.linalg.norm(vectors.item_vectors[:, :-1], axis=1)
    cells = [title, users.shape[1], f"{norms.max() / norms.min():.1f}", identical.sum(), (identical | equal).sum()]
    best = np.searchsorted(vectors.item_ids, items)
    for index in (by_hnswlib, by_usearch):
        for end in (None, -1):
            data = [np.ascontiguousarray(part[:, :end]) for part in (vectors.item_vectors, users)]
            cells += [f"{found_share(index(*data, ef), best):.4f}" for ef in EF]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    warnings.simplefilter("ignore")
    X, y = load("ml1m")
    head = ["model", "components", "longest by shortest item", f"faiss flat: identical of {N_USERS}", "or equal scores"]
    for index in ("hnswlib", "usearch"):
        head += [f"{index}{how}, ef={ef}" for how in ("", ", unequal lengths") for ef in EF]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|", flush=True)
    for title, model in MODELS.items():
        if "--quick" in sys.argv[1:]:
            model.set_params(max_epochs=2)
        measure(title, model.fit(X, y))


if __name__ == "__main__":
    main()
