"""Metrics equal those of ranx, RecTools and LensKit on the same lists, as benchmarks/metric_values.py computed them."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from sklearn_ncf.metrics import (
    average_precision_at_k,
    catalog_coverage,
    hit_rate_at_k,
    intra_list_diversity,
    ndcg_at_k,
    novelty,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)

# The peers' values at 1, 3 and 10. Those of another definition are left out: LensKit divides recall by k where a user
# has more relevant items, and its NDCG discounts the second rank as the first; RecTools' NDCG is by default compared
# with a list of k relevant items.
PEERS = {
    # ranx 0.3.21
    ("ranx", "hit_rate"): [0.25, 0.4166666666666667, 0.75],
    ("ranx", "precision"): [0.25, 0.13888888888888887, 0.15833333333333335],
    ("ranx", "recall"): [0.0419973544973545, 0.07473544973544972, 0.2877645502645502],
    ("ranx", "reciprocal_rank"): [0.25, 0.3055555555555556, 0.36111111111111116],
    ("ranx", "average_precision"): [0.0419973544973545, 0.05291005291005291, 0.11149140211640211],
    ("ranx", "ndcg"): [0.16666666666666666, 0.12340966192843283, 0.2038476895082599],
    # RecTools 0.19.0
    ("RecTools", "hit_rate"): [0.25, 0.4166666666666667, 0.75],
    ("RecTools", "precision"): [0.25, 0.13888888888888887, 0.15833333333333335],
    ("RecTools", "recall"): [0.0419973544973545, 0.07473544973544972, 0.2877645502645503],
    ("RecTools", "reciprocal_rank"): [0.25, 0.3055555555555555, 0.3611111111111111],
    ("RecTools", "average_precision"): [0.0419973544973545, 0.05291005291005291, 0.11149140211640211],
    ("RecTools", "binary ndcg"): [0.25, 0.1564262420075855, 0.22843246689630528],
    ("RecTools", "coverage"): [0.26666666666666666, 0.6666666666666666, 1.0],
    ("RecTools", "novelty"): [2.006873496005579, 2.03352490678164, 2.3681516856960596],
    ("RecTools", "diversity"): [0.0, 1.0736593788255928, 1.0052529938192],
    # LensKit 2025.8.1
    ("LensKit", "hit_rate"): [0.25, 0.4166666666666667, 0.75],
    ("LensKit", "precision"): [0.25, 0.13888888888888887, 0.15833333333333335],
    ("LensKit", "reciprocal_rank"): [0.25, 0.3055555555555555, 0.3611111111111111],
}
CUT_OFFS = (1, 3, 10)
OF_ARRAYS = {
    "hit_rate": hit_rate_at_k,
    "precision": precision_at_k,
    "recall": recall_at_k,
    "reciprocal_rank": reciprocal_rank_at_k,
    "average_precision": average_precision_at_k,
    "ndcg": ndcg_at_k,
}


@pytest.fixture
def data(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    return importlib.import_module("benchmarks.metric_values").fixed_lists()


def ours(name, data, k):
    if name == "coverage":
        return catalog_coverage(data.lists, np.arange(data.relevance.shape[1]), k=k)
    if name == "novelty":
        return novelty(data.lists, data.interactions, k=k)
    if name == "diversity":
        return intra_list_diversity(data.lists, np.arange(len(data.vectors)), data.vectors, k=k)
    if name == "binary ndcg":
        return ndcg_at_k(data.relevance > 0, data.scores, k=k)
    return OF_ARRAYS[name](data.relevance, data.scores, k=k)


@pytest.mark.parametrize(("peer", "name"), PEERS)
def test_metrics_are_those_of_peers(data, peer, name):
    assert [ours(name, data, k) for k in CUT_OFFS] == pytest.approx(PEERS[peer, name], rel=1e-12)
