"""Neural collaborative filtering (He et al. 2017) as scikit-learn estimators."""

from sklearn_ncf._encoder import IdEncoder
from sklearn_ncf._ranker import NCFRanker
from sklearn_ncf._recommend import recommend, similar_items
from sklearn_ncf._recommender import Recommender
from sklearn_ncf._regressor import NCFRegressor
from sklearn_ncf._version import __version__

__all__ = ["IdEncoder", "NCFRanker", "NCFRegressor", "Recommender", "__version__", "recommend", "similar_items"]
