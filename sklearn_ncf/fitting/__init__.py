"""What the estimators share: from checked parameters and rows to a fitted model."""

from sklearn_ncf.fitting._base import BaseNCF, encode_table, fitted_model_of
from sklearn_ncf.fitting._fitted_model import FittedModel, Products
from sklearn_ncf.fitting._parameters import RANKING_CONSTRAINTS, set_parameters
from sklearn_ncf.fitting._rating_scale import RatingScale
from sklearn_ncf.fitting._ratings import check_ratings, check_weight, with_ones
from sklearn_ncf.fitting._units import ORDINARY

__all__ = [
    "ORDINARY",
    "RANKING_CONSTRAINTS",
    "BaseNCF",
    "FittedModel",
    "Products",
    "RatingScale",
    "check_ratings",
    "check_weight",
    "encode_table",
    "fitted_model_of",
    "set_parameters",
    "with_ones",
]
