"""Optimizers by name, and what torch offers to make them fast."""

import inspect

import torch

from sklearn_ncf.training._als import AlternatingLeastSquares
from sklearn_ncf.training._rowwise import RowwiseAdamW

OPTIMIZERS = {
    "auto": torch.optim.Adam,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rowwise_adamw": RowwiseAdamW,
    "als": AlternatingLeastSquares,
}
L2 = 15.0  # weight_decay="auto" of Adam: the penalty's factor where losses are summed; for their mean it is 15 / n
BIAS_L2 = 6.0  # the same for biases, which a few ratings already say something about
LOSS_L2 = {"squared_error": (60.0, 60.0), "softmax": (0.5, 0.5), "bce": (0.5, 0.5), "bpr": (0.5, 0.5)}  # of rankings
FEW = 500  # ratings, below which the penalty is that of so many: a handful of ratings should still be learnt
SHRINKAGE = 33.0  # weight_decay="auto" of the AdamWs: that of a whole epoch, over its batches
ROWWISE_FROM = 70  # table rows for each row of a batch, from which on the row-wise step is the faster one


def optimizer_class(optimizer: str | type) -> type:
    """The class behind a name; a class is itself."""
    return OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer


def has_momentum(optimizer: str | type) -> bool:
    """Whether a schedule can cycle the optimizer's momentum."""
    parameters = inspect.signature(optimizer_class(optimizer)).parameters
    return "betas" in parameters or ("momentum" in parameters and parameters["momentum"].default != 0)


def auto_weight_decay(class_: type, n_ratings: int, batch_size: int, l2: float = L2) -> float | None:
    """The decay that fits the number of ratings; None for an optimizer whose own default is as good a guess."""
    if class_ is torch.optim.Adam:
        return l2 / max(n_ratings, FEW)
    if class_ in (torch.optim.AdamW, RowwiseAdamW):
        return min(1.0, SHRINKAGE * batch_size / n_ratings)
    return None


def optimizer_params(
    optimizer: str | type,
    *,
    weight_decay: float | str | None,
    device: str,
    n_table_rows: int,
    n_ratings: int,
    batch_size: int,
    bias: str | None,
    ranking_loss: str | None = None,
) -> dict:
    """The net's parameters for an optimizer: its class, weight decay, and torch's fused step where it has one.

    `bias` is the name of the network's table of biases, if there is one; `weight_decay=None` is none.
    """
    class_ = optimizer_class(optimizer)
    if optimizer == "auto" and n_table_rows > ROWWISE_FROM * batch_size:
        class_ = RowwiseAdamW
    params = {"optimizer": class_}
    options = inspect.signature(class_).parameters
    if weight_decay == "auto":
        l2, bias_l2 = LOSS_L2.get(ranking_loss, (L2, BIAS_L2))
        weight_decay = auto_weight_decay(class_, n_ratings, batch_size, l2)
        if class_ is torch.optim.Adam and bias is not None:
            params["optimizer__param_groups"] = [(bias, {"weight_decay": weight_decay * bias_l2 / l2})]
    elif weight_decay is None and "weight_decay" in options:
        weight_decay = 0.0
    if weight_decay is not None:
        params["optimizer__weight_decay"] = weight_decay
    if "fused" in options and torch.device(device).type in ("cpu", "cuda"):
        params["optimizer__fused"] = True
    return params
