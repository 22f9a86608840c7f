"""GMF's scores in training with a gradient written by hand: a third of the passes over a batch's vectors."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._layers import gradient_of_table


class _GMFScores(torch.autograd.Function):
    """Scores before the output, as `EmbeddingNN` has them for two columns.

    autograd keeps what each of a dozen operators has read, and gives each its own pass over the gradients; here the
    vectors of a batch are kept once, and the table's dense gradient serves its histories, too.
    """

    @staticmethod
    def forward(ctx, embedding: Tensor, bias: Tensor | None, weight: Tensor, intercept: Tensor, module, rows: Tensor):
        vectors = F.embedding(rows, embedding)
        ctx.is_gathered = module.history is not None and module.history.add_to(vectors, rows)
        mask = module.embedding_dropout.mask(vectors)
        if mask is not None:
            vectors *= mask
        products = vectors[:, 0] * vectors[:, 1]
        scores = products.mv(weight).add_(intercept)
        if bias is not None:
            scores += F.embedding(rows, bias).sum(dim=(1, 2))
        ctx.save_for_backward(vectors, products, mask, weight, rows)
        ctx.module = module
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        vectors, products, mask, weight, rows = ctx.saved_tensors
        of_table, of_bias, of_weight, of_intercept = ctx.needs_input_grad[:4]
        module = ctx.module
        if of_table or ctx.is_gathered:
            of_products, of_vectors = torch.outer(gradient, weight), torch.empty_like(vectors)
            torch.mul(of_products, vectors[:, 1], out=of_vectors[:, 0])
            torch.mul(of_products, vectors[:, 0], out=of_vectors[:, 1])
            if mask is not None:
                of_vectors *= mask
        of_table = gradient_of_table(module.embedding, rows, of_vectors) if of_table else None
        if ctx.is_gathered:
            is_summed = of_table is not None and not of_table.is_sparse
            module.history.gather(rows, of_vectors, of_table if is_summed else None)
        return (
            of_table,
            gradient_of_table(module.bias, rows, gradient.view(-1, 1, 1).expand(*rows.shape, 1)) if of_bias else None,
            gradient @ products if of_weight else None,
            gradient.sum() if of_intercept else None,
            None,
            None,
        )


def has_gmf_training(module) -> bool:
    """Whether the scores of a network that computes them as `EmbeddingNN` does can be had from `gmf_scores`."""
    dropout = module.embedding_dropout
    return (
        module.mlp is None
        and module.temperature is None
        and len(module.n_ids) == 2
        and module.embedding.weight.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and type(dropout) is FastDropout
        and dropout.has_masks
    )


def gmf_scores(module, rows: Tensor) -> Tensor:
    """Scores of table rows in training, shape (n, 2) to (n,), before the output."""
    bias = None if module.bias is None else module.bias.weight
    return _GMFScores.apply(module.embedding.weight, bias, module.gmf_weight, module.intercept, module, rows)
