"""Optimizers by name, and what torch offers to make them fast."""

import inspect

import torch

from sklearn_ncf.nn import reads_standard_rows
from sklearn_ncf.training._als import AlternatingLeastSquares
from sklearn_ncf.training._plan import Plan
from sklearn_ncf.training._rowwise import RowwiseAdamW
from sklearn_ncf.training._solvers import NoSteps, Solver, is_solver

OPTIMIZERS = {
    "auto": torch.optim.Adam,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rowwise_adamw": RowwiseAdamW,
}
SOLVERS = {"als": AlternatingLeastSquares}
OPTIMIZERS |= SOLVERS
SHRINKAGE = 33.0  # weight_decay="auto" of the AdamWs: that of a whole epoch, over its batches
ROWWISE_FROM = 70  # table rows for each row of a batch, from which on the row-wise step is the faster one


def optimizer_class(optimizer: str | type) -> type:
    """The class behind a name; a class is itself."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer


def chosen_solver(optimizer: str | type, *of_fit) -> type[Solver] | None:
    """The solver that the parameter `optimizer` asks for, or that "auto" finds; None where gradients fit.

    `of_fit` is what `Solver.supports` takes. Raises `ValueError` where the solver asked for does not support it.
    """
    if optimizer == "auto":
        return next((solver for solver in SOLVERS.values() if solver.supports(*of_fit)), None)
    solver = optimizer_class(optimizer)
    if not is_solver(solver):
        return None
    if not solver.supports(*of_fit):
        raise ValueError(f"must not be {optimizer!r} but with {solver.needs}; use 'auto'.")
    return solver


def chosen_optimizer(
    optimizer: str | type, module: type, module_params: dict, objective: type, *, batch_size: int
) -> type:
    """The class of solvers or of optimizers that the parameter `optimizer` stands for.

    "auto" trains row by row only networks of which it is known that they read no other rows.
    """
    solver = chosen_solver(optimizer, module, module_params, objective)
    if solver is not None or optimizer != "auto":
        return solver or optimizer_class(optimizer)
    n_table_rows = sum(module_params["n_ids"]) if reads_standard_rows(module) else 0
    return RowwiseAdamW if n_table_rows > ROWWISE_FROM * batch_size else torch.optim.Adam


def has_weight_decay(optimizer: str | type) -> bool:
    """Whether what the parameter `optimizer` names takes a weight decay."""
    return "weight_decay" in inspect.signature(optimizer_class(optimizer)).parameters


def has_momentum(optimizer: type) -> bool:
    """Whether a schedule can cycle the optimizer's momentum."""
    parameters = inspect.signature(optimizer).parameters
    return "betas" in parameters or ("momentum" in parameters and parameters["momentum"].default != 0)


def takes_strengths(optimizer: type) -> bool:
    """Whether it leaves it to `Shrinkage` to draw biases to zero, or everything."""
    return optimizer in (torch.optim.Adam, RowwiseAdamW)


def auto_weight_decay(class_: type, plan: Plan) -> float | None:
    """The decay that fits the number of ratings; None for an optimizer whose own default is as good a guess."""
    if class_ is torch.optim.Adam:
        of_vectors = 1.0 if plan.strengths is None else plan.strengths.vectors
        return of_vectors * plan.objective.l2 / plan.n_penalized
    if class_ is RowwiseAdamW and plan.strengths is not None:
        return 0.0
    if class_ in (torch.optim.AdamW, RowwiseAdamW):
        return min(1.0, SHRINKAGE * plan.batch_size / plan.n_ratings)
    return None


def optimizer_params(plan: Plan, *, bias: str | None) -> dict:
    """The net's parameters for an optimizer: its class, weight decay, and torch's fused step where it has one.

    `bias` is the name of the network's table of biases, if there is one.
    """
    if plan.solves:
        return {"optimizer": NoSteps}
    class_, weight_decay = plan.optimizer, plan.weight_decay
    params = {"optimizer": class_}
    options = inspect.signature(class_).parameters
    if weight_decay == "auto":
        weight_decay = auto_weight_decay(class_, plan)
        if class_ is torch.optim.Adam and bias is not None:
            of_bias = weight_decay * plan.objective.bias_l2 / plan.objective.l2 if plan.strengths is None else 0.0
            params["optimizer__param_groups"] = [(bias, {"weight_decay": of_bias})]
    elif weight_decay is None and "weight_decay" in options:
        weight_decay = 0.0
    if weight_decay is not None:
        params["optimizer__weight_decay"] = weight_decay
    if "fused" in options and torch.device(plan.device).type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params
