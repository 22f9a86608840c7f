"""Metrics of rankings and of lists, and a scorer for scikit-learn's tools."""

from sklearn_ncf.metrics._arrays import (
    average_precision_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from sklearn_ncf.metrics._lists import catalog_coverage, intra_list_diversity, novelty
from sklearn_ncf.metrics._scorer import RankingScorer

__all__ = [
    "RankingScorer",
    "average_precision_at_k",
    "catalog_coverage",
    "hit_rate_at_k",
    "intra_list_diversity",
    "ndcg_at_k",
    "novelty",
    "precision_at_k",
    "recall_at_k",
    "reciprocal_rank_at_k",
]
