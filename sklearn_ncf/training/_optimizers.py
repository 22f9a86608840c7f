"""Optimizers by name, and what torch offers to make them fast."""

import inspect

import torch

from sklearn_ncf.training._rowwise import RowwiseAdamW

OPTIMIZERS = {
    "auto": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rowwise_adamw": RowwiseAdamW,
}
WEIGHT_DECAY = {torch.optim.AdamW: 0.5, RowwiseAdamW: 0.5, torch.optim.Adam: 1e-4}  # "auto"; else the class's own
ROWWISE_FROM = 70  # table rows for each row of a batch, from which on the row-wise step is the faster one


def optimizer_class(optimizer: str | type) -> type:
    """The class behind a name; a class is itself."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer


def has_momentum(optimizer: str | type) -> bool:
    """Whether a schedule can cycle the optimizer's momentum."""
    parameters = inspect.signature(optimizer_class(optimizer)).parameters
    return "betas" in parameters or ("momentum" in parameters and parameters["momentum"].default != 0)


def optimizer_params(
    optimizer: str | type, *, weight_decay: float | str, device: str, n_table_rows: int, batch_size: int
) -> dict:
    """The net's parameters for an optimizer: its class, weight decay, and torch's fused step where it has one."""
    class_ = optimizer_class(optimizer)
    if optimizer == "auto" and n_table_rows > ROWWISE_FROM * batch_size:
        class_ = RowwiseAdamW
    if weight_decay == "auto":
        weight_decay = WEIGHT_DECAY.get(class_)
    params = {"optimizer": class_}
    if weight_decay is not None:
        params["optimizer__weight_decay"] = weight_decay
    if "fused" in inspect.signature(class_).parameters and torch.device(device).type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params
