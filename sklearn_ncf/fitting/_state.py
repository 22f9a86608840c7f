"""A net as plain arrays and parameters, and back."""

from dataclasses import asdict

import numpy as np
import torch

from sklearn_ncf._random import seeded_generators
from sklearn_ncf.nn import EmbeddingNN, default_settings
from sklearn_ncf.training import (
    Plan,
    RankingObjective,
    RatingObjective,
    Strengths,
    build_net,
    named_objectives,
    resolve_device,
)


def state_of(net):
    """Arrays and parameters of a net: no device, no optimizer, no training data."""
    weights = net.module_.state_dict()
    in_bfloat16 = [name for name, weight in weights.items() if weight.dtype == torch.bfloat16]
    weights |= {name: weights[name].float() for name in in_bfloat16}  # numpy has no such dtype
    state = {
        "module": None if net.module is EmbeddingNN else net.module,
        "module_params": net.get_params_for("module"),
        "loss": _name_of(net.criterion),
        "loss_scale": net.criterion__scale,
        "ranks": issubclass(net.criterion, RankingObjective),
        "strengths": net.plan_.strengths and asdict(net.plan_.strengths),
        "weights": {name: weight.cpu().numpy() for name, weight in weights.items()},
    }
    return state | ({"in_bfloat16": in_bfloat16} if in_bfloat16 else {})


@default_settings()
def net_from(net_state, device):
    """A net from `state_of`, on the device asked for if it is there, else on the CPU."""
    try:
        device = resolve_device(device)
    except ValueError:
        device = "cpu"
    net_state = dict(net_state)
    module = net_state.pop("module") or EmbeddingNN
    params = net_state["module_params"]
    weights = {name: torch.from_numpy(np.array(weight)) for name, weight in net_state.pop("weights").items()}
    for name in net_state.pop("in_bfloat16", []):
        weights[name] = weights[name].bfloat16()
    with seeded_generators(0, device):  # what is drawn is overwritten
        strengths = net_state.get("strengths")  # which earlier versions do not have
        plan = Plan(
            objective=_objective_of(net_state),
            scale=net_state["loss_scale"],
            strengths=strengths and Strengths(**strengths),
            device=device,
        )
        net = build_net(module, params, plan)
        is_subclass = issubclass(module, EmbeddingNN) and "architecture" not in params
        if is_subclass and weights.keys() != net.module_.state_dict().keys():  # of a version with another default
            net = build_net(module, params | {"architecture": _architecture_of(weights)}, plan)
    for name, tensor in net.module_.state_dict(keep_vars=True).items():
        if name.startswith("history.") and name not in weights:  # of a version without it: zeros
            weights[name] = tensor
        elif name in weights:
            tensor.data = tensor.data.to(weights[name].dtype)  # a custom network has the default dtype of its fit
    net.module_.load_state_dict(weights)
    net.module_.eval()
    return net


def _architecture_of(weights):
    """The architecture of an `EmbeddingNN` with some weights."""
    parts = [name for name in ("gmf", "mlp") if any(weight.startswith((f"{name}_", f"{name}.")) for weight in weights)]
    return "neumf" if len(parts) == 2 else parts[0]


def _name_of(objective):
    """The name of one of ours, as models of all versions hold it; another is itself."""
    names = {class_: name for name, class_ in named_objectives(objective).items()}
    return names.get(objective, objective)


def _objective_of(net_state):
    kind = RankingObjective if net_state["ranks"] else RatingObjective
    return named_objectives(kind).get(net_state["loss"], net_state["loss"])
