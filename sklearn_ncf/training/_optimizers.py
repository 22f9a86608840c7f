"""Optimizers by name, and what torch offers to make them fast."""

import inspect

import torch

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def optimizer_params(optimizer: str | type, *, weight_decay: float, device: str) -> dict:
    """The net's parameters for an optimizer: its class, weight decay, and torch's fused step where it has one."""
    class_ = OPTIMIZERS.get(optimizer, optimizer) if isinstance(optimizer, str) else optimizer
    params = {"optimizer": class_, "optimizer__weight_decay": weight_decay}
    if "fused" in inspect.signature(class_).parameters and torch.device(device).type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params
