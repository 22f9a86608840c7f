"""From a model to the estimator in it: through Pipelines, searches, frozen estimators and target transformers."""

from typing import NamedTuple

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_ncf._fitted import snapshot
from sklearn_ncf.fitting import BaseNCF, IdEstimator


class ForeignEstimatorError(TypeError):
    """There is no estimator of ours in a model."""


class Unwrapped(NamedTuple):
    """The parts of a fitted model.

    steps : list of (name, transformer)
        What `X` goes through before the estimator, in this order.
    estimator : IdEstimator
        The estimator at the end, as it is now: a further fit does not change it.
    target_transformers : list of transformers
        What its predictions go back through, the outermost first.
    """

    steps: list
    estimator: BaseEstimator
    target_transformers: list


def unwrap(model, *, needs_network=False):
    """The parts of a model, the estimator checked to be fitted; `TypeError` where there is no estimator of ours.

    With `needs_network`, an estimator without a network, such as a baseline, is refused too.
    """
    steps, target_transformers, inner = [], [], model
    while True:
        if isinstance(inner, Pipeline):
            steps += [found for name, step in inner.steps[:-1] for found in flat_steps(name, step)]
            inner = inner.steps[-1][1]
        elif isinstance(inner, FrozenEstimator):
            inner = inner.estimator
        elif isinstance(inner, TransformedTargetRegressor):
            check_is_fitted(inner)
            target_transformers.append(inner.transformer_)
            inner = inner.regressor_
        elif _is_search(inner):
            inner = _best_of(inner)
        else:
            break
    if not isinstance(inner, IdEstimator):
        found = type(inner).__name__ if inner is model else f"{type(inner).__name__} in {type(model).__name__}"
        raise ForeignEstimatorError(
            "The model must be a fitted estimator of sklearn_ncf, a Pipeline that ends in one, or a fitted search, "
            f"FrozenEstimator or TransformedTargetRegressor of one of these; got {found}."
        )
    if needs_network and not isinstance(inner, BaseNCF):
        raise TypeError(
            f"The model must have a network, which {type(inner).__name__} does not; pass an NCFRegressor or NCFRanker."
        )
    check_is_fitted(inner)
    return Unwrapped(steps, snapshot(inner), target_transformers)


def flat_steps(name, step):
    """The transformers in a step of a Pipeline, by name: none, one, or those of a Pipeline in it."""
    if step in (None, "passthrough"):
        return []
    if isinstance(step, FrozenEstimator):
        return flat_steps(name, step.estimator)
    if isinstance(step, Pipeline):
        return [found for inner_name, inner in step.steps for found in flat_steps(f"{name}__{inner_name}", inner)]
    return flat_steps(name, _best_of(step)) if _is_search(step) else [(name, step)]


def _is_search(model):
    """Whether a model is a search, one of another library too, which keeps the best estimator that it has refitted."""
    return not isinstance(model, type) and (
        hasattr(model, "best_estimator_") or (hasattr(model, "refit") and hasattr(model, "estimator"))
    )


def _best_of(search):
    """The model that a search has fitted."""
    if hasattr(search, "best_estimator_"):
        return search.best_estimator_
    name = type(search).__name__
    if search.refit is False:
        raise NotFittedError(
            f"The model is a {name} with refit=False, which keeps no fitted model. Use refit=True and fit again, or "
            "fit the estimator with best_params_ and pass that."
        )
    raise NotFittedError(f"The model is a {name} that is not fitted yet; call its fit first.")
