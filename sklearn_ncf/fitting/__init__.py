"""What the estimators share: from checked parameters and rows to a fitted model."""

from sklearn_ncf.fitting._base import BaseNCF, encode_table, solver_of
from sklearn_ncf.fitting._explanation import KINDS, explain_rows
from sklearn_ncf.fitting._features import NO_FEATURES, Deviations
from sklearn_ncf.fitting._fitted_model import FittedModel, Products
from sklearn_ncf.fitting._id_estimator import IdEstimator, fitted_model_of, further_users_of
from sklearn_ncf.fitting._parameters import RANKING_CONSTRAINTS, set_parameters
from sklearn_ncf.fitting._rating_scale import RatingScale
from sklearn_ncf.fitting._ratings import check_ratings, check_weight, with_ones
from sklearn_ncf.fitting._rows import learn_rows
from sklearn_ncf.fitting._units import ORDINARY

__all__ = [
    "KINDS",
    "NO_FEATURES",
    "ORDINARY",
    "RANKING_CONSTRAINTS",
    "BaseNCF",
    "Deviations",
    "FittedModel",
    "IdEstimator",
    "Products",
    "RatingScale",
    "check_ratings",
    "check_weight",
    "encode_table",
    "explain_rows",
    "fitted_model_of",
    "further_users_of",
    "learn_rows",
    "set_parameters",
    "solver_of",
    "with_ones",
]
