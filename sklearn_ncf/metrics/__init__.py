"""Ranking metrics over arrays, and a scorer for scikit-learn's tools."""

from sklearn_ncf.metrics._arrays import hit_rate_at_k, ndcg_at_k, recall_at_k, reciprocal_rank_at_k
from sklearn_ncf.metrics._scorer import RankingScorer

__all__ = ["RankingScorer", "hit_rate_at_k", "ndcg_at_k", "recall_at_k", "reciprocal_rank_at_k"]
