"""Parts of a network for training on a CPU, with gradients written by hand.

autograd keeps what each operator has read and gives each its own pass over memory, which takes most of the time where
batches are large; where they are small, its bookkeeping does. Here a part of the network is one node of its graph.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._history import InteractionHistory
from sklearn_ncf.nn._layers import gradient_of_table, has_hooks, pairwise_products


class _Vectors(torch.autograd.Function):
    """Vectors of table rows, with their histories, after dropout; a dense gradient serves the histories, too."""

    @staticmethod
    def forward(ctx, weight: Tensor, history_weight: Tensor | None, module, rows: Tensor) -> Tensor:
        vectors = F.embedding(rows, weight)
        ctx.is_gathered = module.history is not None and module.history.add_to(vectors, rows)
        mask = module.embedding_dropout.mask(vectors)
        if mask is not None:
            vectors *= mask
        ctx.save_for_backward(rows, mask)
        ctx.module = module
        return vectors

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        rows, mask = ctx.saved_tensors
        module = ctx.module
        if mask is not None:
            gradient = gradient * mask
        of_table = gradient_of_table(module.embedding, rows, gradient) if ctx.needs_input_grad[0] else None
        if ctx.is_gathered:
            is_summed = of_table is not None and not of_table.is_sparse and rows.shape[1] == 2
            module.history.gather(rows[:, :2], gradient[:, :2], of_table if is_summed else None)
        return of_table, None, None, None


class _WeightedProduct(torch.autograd.Function):
    """GMF's score of pairs of vectors, (n, 2, dim) to (n,)."""

    @staticmethod
    def forward(ctx, vectors: Tensor, weight: Tensor) -> Tensor:
        products = vectors[:, 0] * vectors[:, 1]
        ctx.save_for_backward(vectors, products, weight)
        return products.mv(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        vectors, products, weight = ctx.saved_tensors
        of_vectors = of_weight = None
        if ctx.needs_input_grad[0]:
            of_products, of_vectors = torch.outer(gradient, weight), torch.empty_like(vectors)
            torch.mul(of_products, vectors[:, 1], out=of_vectors[:, 0])
            torch.mul(of_products, vectors[:, 0], out=of_vectors[:, 1])
        if ctx.needs_input_grad[1]:
            of_weight = gradient @ products
        return of_vectors, of_weight


def dropped_vectors(module, rows: Tensor) -> Tensor:
    """The vectors of table rows, (n, n_columns) to (n, n_columns, width), after dropout, as `EmbeddingNN` has them."""
    if not (module.training and torch.is_grad_enabled() and _is_plain(module)):
        return module.embedding_dropout(module.vectors(rows))
    of_history = None if module.history is None else module.history.weight  # may be all that is trained
    return _Vectors.apply(module.embedding.weight, of_history, module, rows)


def weighted_product(vectors: Tensor, weight: Tensor) -> Tensor:
    """GMF's score of vectors of several columns, (n, n_columns, dim) to (n,)."""
    if vectors.shape[1] == 2 and torch.is_grad_enabled() and not torch.is_autocast_enabled(vectors.device.type):
        return _WeightedProduct.apply(vectors, weight)
    return pairwise_products(vectors) @ weight


def _is_plain(module) -> bool:
    """Whether a network's vectors can be had on a CPU, and nobody waits for a call of what they are made from."""
    types = {module.embedding: nn.Embedding, module.embedding_dropout: FastDropout}
    if module.history is not None:
        types[module.history] = InteractionHistory
    if any(type(part) is not type_ or has_hooks(part) for part, type_ in types.items()):
        return False
    dropout, device = module.embedding_dropout, module.embedding.weight.device
    return (dropout.bytes_do or dropout.p == 0) and device.type == "cpu" and not torch.is_autocast_enabled("cpu")
