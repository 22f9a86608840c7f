"""Metrics of fixed lists by ranx, RecTools and LensKit: python -m benchmarks.metric_values.

tests/test_metric_values.py holds what it prints, with the versions of the peers.
Needs: pip install ranx rectools lenskit "pyarrow<21"
"""

from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import pandas as pd

CUT_OFFS = (1, 3, 10)
N_USERS, N_ITEMS = 12, 30


class FixedLists(NamedTuple):
    """Graded relevance and distinct scores, the lists of the best ten items, earlier interactions, items' vectors."""

    relevance: np.ndarray
    scores: np.ndarray
    lists: np.ndarray
    interactions: np.ndarray
    vectors: np.ndarray


def fixed_lists():
    """The same lists each time; each user has a relevant item, and some items had no interactions."""
    rng = np.random.RandomState(0)
    relevance = np.where(rng.rand(N_USERS, N_ITEMS) < 0.15, rng.randint(1, 4, (N_USERS, N_ITEMS)), 0)
    relevance[:, 0] = np.maximum(relevance[:, 0], relevance.sum(axis=1) == 0)
    scores = rng.permutation(N_USERS * N_ITEMS).reshape(N_USERS, N_ITEMS) / 7
    interactions = np.unique(np.stack([rng.randint(0, 40, 300), rng.randint(0, 25, 300)], axis=1), axis=0)
    vectors = rng.randint(-3, 4, (N_ITEMS, 4)).astype(float)
    vectors[:, 0] += 0.5  # none is zero
    return FixedLists(relevance, scores, np.argsort(-scores, axis=1)[:, : max(CUT_OFFS)], interactions, vectors)


def of_ranx(data):
    """Metrics by ranx, of graded relevance."""
    from ranx import Qrels, Run, evaluate

    users = range(N_USERS)
    relevance = {
        f"u{u}": {f"i{i}": int(data.relevance[u, i]) for i in np.flatnonzero(data.relevance[u])} for u in users
    }
    scores = {f"u{u}": {f"i{i}": float(data.scores[u, i]) for i in range(N_ITEMS)} for u in users}
    names = {"hit_rate": "hit_rate", "precision": "precision", "recall": "recall", "mrr": "reciprocal_rank"}
    names |= {"map": "average_precision", "ndcg": "ndcg"}
    for k in CUT_OFFS:
        found = evaluate(Qrels(relevance), Run(scores), [f"{name}@{k}" for name in names])
        yield from ((name, k, float(found[f"{of_ranx}@{k}"])) for of_ranx, name in names.items())


def of_rectools(data):
    """Metrics by RecTools, of relevant or not."""
    from rectools import metrics
    from rectools.metrics.distances import PairwiseDistanceCalculator

    class Cosines(PairwiseDistanceCalculator):
        def _get_distances_for_item_pairs(self, items_0, items_1):
            units = data.vectors / np.linalg.norm(data.vectors, axis=1, keepdims=True)
            return 1 - (units[np.asarray(items_0, int)] * units[np.asarray(items_1, int)]).sum(axis=1)

    names = ["user_id", "item_id"]
    lists = pd.DataFrame(np.argwhere(data.lists >= 0), columns=["user_id", "rank"])
    lists = lists.assign(item_id=data.lists.ravel(), rank=lists["rank"] + 1)
    relevant = pd.DataFrame(np.argwhere(data.relevance > 0), columns=names)
    earlier = pd.DataFrame(data.interactions, columns=names)
    for k in CUT_OFFS:
        yield "hit_rate", k, metrics.HitRate(k).calc(lists, relevant)
        yield "precision", k, metrics.Precision(k).calc(lists, relevant)
        yield "recall", k, metrics.Recall(k).calc(lists, relevant)
        yield "reciprocal_rank", k, metrics.MRR(k).calc(lists, relevant)
        yield "average_precision", k, metrics.MAP(k).calc(lists, relevant)
        yield "binary ndcg", k, metrics.NDCG(k, divide_by_achievable=True).calc(lists, relevant)
        yield "coverage", k, metrics.CatalogCoverage(k, normalize=True).calc(lists, np.arange(N_ITEMS))
        yield "novelty", k, metrics.MeanInvUserFreq(k).calc(lists, earlier)
        yield "diversity", k, metrics.IntraListDiversity(k, Cosines()).calc(lists)


def of_lenskit(data):
    """Metrics by LensKit that have the same definition."""
    from lenskit import metrics
    from lenskit.data import ItemList

    lists = [ItemList(item_ids=items, ordered=True) for items in data.lists]
    relevant = [ItemList(item_ids=np.flatnonzero(of_user)) for of_user in data.relevance]
    of_lists = {"hit_rate": metrics.Hit, "precision": metrics.Precision, "reciprocal_rank": metrics.RecipRank}
    for k in CUT_OFFS:
        for name, metric in of_lists.items():
            yield name, k, np.mean([metric(k).measure_list(*pair) for pair in zip(lists, relevant, strict=True)])


if __name__ == "__main__":
    for peer, measure in (("ranx", of_ranx), ("RecTools", of_rectools), ("LensKit", of_lenskit)):
        print(f"    # {peer} {version(peer)}")
        values = {}
        for name, _, value in measure(fixed_lists()):
            values.setdefault(name, []).append(float(value))
        for name, of_cut_offs in values.items():
            print(f'    ("{peer}", "{name}"): {of_cut_offs},')
