"""Optimizers by name, and what torch offers to make them fast."""

import inspect

import torch

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def optimizer_class(optimizer: str | type) -> type:
    """The class behind a name; a class is itself."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer


def has_momentum(optimizer: str | type) -> bool:
    """Whether a schedule can cycle the optimizer's momentum."""
    return bool({"betas", "momentum"} & inspect.signature(optimizer_class(optimizer)).parameters.keys())


def optimizer_params(optimizer: str | type, *, weight_decay: float, device: str) -> dict:
    """The net's parameters for an optimizer: its class, weight decay, and torch's fused step where it has one."""
    class_ = optimizer_class(optimizer)
    params = {"optimizer": class_, "optimizer__weight_decay": weight_decay}
    if "fused" in inspect.signature(class_).parameters and torch.device(device).type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params
