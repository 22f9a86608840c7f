"""Layers, whose weights a fit draws from its own generator, number by number as torch's constructors do."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._generators import draws_tables, generator_on


def new_embedding(n_rows: int, width: int, *, std: float, device: torch.device, dtype: torch.dtype) -> nn.Embedding:
    """A table of normally distributed numbers, or of zeros where `std` is zero."""
    generator = generator_on(device)
    table = skip_init(nn.Embedding, n_rows, width, device=device, dtype=dtype)
    if not draws_tables():
        return table
    nn.init.normal_(
        table.weight, generator=generator
    )  # overwritten, as after torch's constructor: seeds keep their meaning
    if std:
        nn.init.normal_(table.weight, std=std, generator=generator)
    else:
        nn.init.zeros_(table.weight)
    return table


def new_mlp(sizes: Sequence[int], dropout: float, *, device: torch.device, dtype: torch.dtype) -> nn.Sequential:
    """Linear-ReLU-Dropout layers, then one linear unit; without biases at first, so that scores start near zero."""
    factory = {"device": device, "dtype": dtype}
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [_new_linear(n_in, n_out, **factory), nn.ReLU(), FastDropout(dropout)]
    return nn.Sequential(*layers, _new_linear(sizes[-1], 1, **factory))


def _new_linear(n_in: int, n_out: int, *, device: torch.device, dtype: torch.dtype) -> nn.Linear:
    generator = generator_on(device)
    layer = skip_init(nn.Linear, n_in, n_out, device=device, dtype=dtype)
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    nn.init.uniform_(layer.bias, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class _LookUp(torch.autograd.Function):
    """Rows of a table, whose dense gradient on a CPU takes a third of the time of torch's own."""

    @staticmethod
    def forward(ctx, weight: Tensor, rows: Tensor, table: nn.Embedding) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.table = table
        return F.embedding(rows, weight)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        return gradient_of_table(ctx.table, rows, gradient), None, None


def gradient_of_table(table: nn.Embedding, rows: Tensor, gradient: Tensor) -> Tensor:
    """A table's gradient, from that of the rows that were read."""
    rows, gradient = rows.flatten(), gradient.flatten(0, -2)
    if table.sparse:
        return torch.sparse_coo_tensor(rows.unsqueeze(0), gradient, table.weight.shape, check_invariants=False)
    return torch.zeros_like(table.weight).index_add_(0, rows, gradient)


def has_hooks(module: nn.Module) -> bool:
    """Whether somebody waits for a module to be called."""
    hooks = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
    return any(getattr(module, name) for name in hooks)


def look_up(table: nn.Embedding, rows: Tensor) -> Tensor:
    """What a table gives for some of its rows."""
    weight = table.weight
    is_trained = torch.is_grad_enabled() and weight.requires_grad and not table.sparse
    if type(table) is nn.Embedding and is_trained and weight.device.type == "cpu" and not has_hooks(table):
        return _LookUp.apply(weight, rows, table)
    return table(rows)


def pairwise_products(vectors: Tensor) -> Tensor:
    """Sum of the elementwise products of all pairs of columns: (rows, columns, dim) to (rows, dim)."""
    if vectors.shape[1] == 2:
        user, item = vectors.unbind(dim=1)
        return user * item
    return (vectors.sum(dim=1).square() - vectors.square().sum(dim=1)) / 2
