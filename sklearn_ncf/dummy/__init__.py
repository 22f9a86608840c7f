"""Baselines: what a model has to beat."""

from sklearn_ncf.dummy._bias_regressor import BiasRegressor
from sklearn_ncf.dummy._popularity_ranker import PopularityRanker

__all__ = ["BiasRegressor", "PopularityRanker"]
