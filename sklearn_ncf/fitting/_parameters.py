"""What the parameters of estimators may be."""

from numbers import Integral, Real

from sklearn_ncf._sklearn_compat import HasMethods, Interval, StrOptions
from sklearn_ncf.nn import ARCHITECTURES
from sklearn_ncf.training import OPTIMIZERS, RANKING_OBJECTIVES, SCHEDULES, SOLVERS

SHARED_CONSTRAINTS = {
    "architecture": [StrOptions(set(ARCHITECTURES)), type],
    "embedding_dim": [Interval(Integral, 1, None, closed="left")],
    "hidden_layer_sizes": ["array-like"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
    "use_bias": ["boolean"],
    "use_history": ["boolean"],
    "optimizer": [StrOptions(set(OPTIMIZERS) - set(SOLVERS)), type],
    "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
    "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "patience": [Interval(Integral, 1, None, closed="left")],
    "warm_start": ["boolean"],
    "checkpoint_dir": [None, str, HasMethods("__fspath__")],
    "keep_checkpoints": ["boolean"],
    "callbacks": [None, list],
    "device": [str],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "user_features": [None, str, Integral, "array-like"],
    "item_features": [None, str, Integral, "array-like"],
    "numeric_features": [None, str, Integral, "array-like"],
    "separator": [None, str],
}
RANKING_CONSTRAINTS = {
    **SHARED_CONSTRAINTS,
    "embedding_dim": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "temperature": [None, Interval(Real, 0, None, closed="neither")],
    "loss": [StrOptions(set(RANKING_OBJECTIVES)), type],
    "positive_weight": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "penalty_growth": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
    "max_epochs": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "optimizer": [StrOptions(set(OPTIMIZERS)), type],
    "n_negatives": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
}


def set_parameters(estimator, arguments):
    """Set the arguments of an estimator's `__init__`, which are its `locals()`, as attributes."""
    vars(estimator).update({name: value for name, value in arguments.items() if name != "self"})
