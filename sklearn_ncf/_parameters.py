"""What the parameters that all estimators share may be."""

from inspect import signature
from numbers import Integral, Real
from types import SimpleNamespace

import torch
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, StrOptions

from sklearn_ncf._numbers import as_python
from sklearn_ncf.nn import ARCHITECTURES, EmbeddingNN
from sklearn_ncf.nn._network import says_its_rows
from sklearn_ncf.training import OPTIMIZERS, SCHEDULES, SOLVERS, Solver, is_callback, optimizer_class

SHARED_CONSTRAINTS = {
    "architecture": [StrOptions(set(ARCHITECTURES)), type],
    "embedding_dim": [Interval(Integral, 1, None, closed="left")],
    "hidden_layer_sizes": ["array-like"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
    "use_bias": ["boolean"],
    "use_history": ["boolean"],
    "optimizer": [StrOptions(set(OPTIMIZERS) - set(SOLVERS)), type],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
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
}


def python_parameters(estimator):
    """The parameters of an estimator, each an attribute of what is returned, with Python's own numbers."""
    values = SimpleNamespace()
    for name, value in estimator.get_params(deep=False).items():
        constraints = estimator._parameter_constraints[name]
        is_number = any(isinstance(constraint, Interval) for constraint in constraints)
        setattr(values, name, int(value) if is_number and isinstance(value, bool) else as_python(value))
    return values


def module_class(estimator):
    """The network's class."""
    return EmbeddingNN if isinstance(estimator.architecture, str) else estimator.architecture


def check_joint_parameters(estimator):
    """Rules between parameters, and on their parts, that constraints cannot say."""
    bases = {
        "architecture": (torch.nn.Module,),
        "optimizer": (torch.optim.Optimizer, Solver),
        "loss": (estimator._kind_of_objective,),
    }
    for name, of_name in bases.items():
        value = getattr(estimator, name)
        if isinstance(value, type) and not issubclass(value, of_name):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be a name or a subclass of "
                f"{' or '.join(map(_described, of_name))}. Got {value!r} instead."
            )
    if (
        estimator.weight_decay != "auto"
        and "weight_decay" not in signature(optimizer_class(estimator.optimizer)).parameters
    ):
        raise InvalidParameterError(
            f"The 'weight_decay' parameter of {type(estimator).__name__} must be 'auto' with an optimizer that has "
            f"none: {estimator.optimizer!r}."
        )
    if estimator.optimizer == "rowwise_adamw" and not says_its_rows(module_class(estimator)):
        raise InvalidParameterError(
            f"The 'optimizer' parameter of {type(estimator).__name__} must not be 'rowwise_adamw' with a network that "
            f"does not say which rows it reads (table_rows): {estimator.architecture!r}. Use 'adamw'."
        )
    if any(not isinstance(size, Integral) or size < 1 for size in estimator.hidden_layer_sizes):
        raise InvalidParameterError(
            f"The 'hidden_layer_sizes' parameter of {type(estimator).__name__} must hold positive integers. Got "
            f"{estimator.hidden_layer_sizes!r} instead."
        )
    for callback in estimator.callbacks or ():
        if not is_callback(callback):
            raise InvalidParameterError(
                f"The 'callbacks' parameter of {type(estimator).__name__} must hold skorch callbacks or pairs of a "
                f"name and a callback. Got {callback!r} in it."
            )


def _described(class_):
    return f"{class_.__module__.partition('.')[0]}'s {class_.__name__}"
