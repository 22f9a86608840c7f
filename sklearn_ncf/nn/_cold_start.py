"""What a network knows of ids that it has not been trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

N_SPECIAL = 2  # rows of a table that stand for no id: missing, code -2, and unknown, code -1
PRIOR = 15.0  # strength of the pull to the mean, in ratings; anything from 1 to 100 does the same
NEW_OR_RARE = 0.1  # chance of an unknown id, from which on it is rather a rare one than a new one
IDS_AT_MOST = 10_000  # of the other column to fit the unknown id to: more take time and tell no more


def block_of(module, column: int) -> slice:
    """The rows of a column in a table, those of the missing and the unknown id included."""
    rows = module.column_rows(column)
    return slice(rows.start - N_SPECIAL, rows.stop)


@torch.no_grad()
def fill_untrained(module, counts: Sequence[Tensor], means: Sequence[Tensor] | None) -> None:
    """See `EmbeddingNN.fill_untrained`."""
    blocks = [block_of(module, column) for column in range(len(counts))]
    untrained = [(n_ratings == 0).nonzero().squeeze(1) for n_ratings in counts]
    for block, n_ratings, rows in zip(blocks, counts, untrained, strict=True):
        if not n_ratings[N_SPECIAL:].any():
            continue
        share = n_ratings / n_ratings[N_SPECIAL:].sum()
        share[:N_SPECIAL] = 0
        for table in module.tables().values():
            weight = table[block]
            weight[rows] = share.to(weight.dtype) @ weight  # a mask of the others would copy the table
    if means is None:
        return
    for column, other in ((0, 1), (1, 0)):
        shift = _shift_of_unknown(module, column, counts[other][N_SPECIAL:], means[other][N_SPECIAL:])
        if shift is not None:
            module.embedding.weight[blocks[column]][untrained[column]] += shift[1:]
            if module.bias is not None:
                module.bias.weight[blocks[column]][untrained[column]] += shift[:1]
    slope = _slope(module)
    if module.bias is None or not slope:
        return
    for block, n_ratings, mean, rows in zip(blocks, counts, means, untrained, strict=True):
        module.bias.weight[block][rows] += _level_of_rare(n_ratings[N_SPECIAL:], mean[N_SPECIAL:]) / slope


def _shift_of_unknown(module, column: int, counts: Tensor, means: Tensor) -> Tensor | None:
    """How to move a column's unknown id, bias first, so that the other column's ids get their mean ratings with it.

    One Gauss-Newton step of the ratings' squared errors with a ridge penalty; None where it would make them larger.
    """
    ids = counts.nonzero().squeeze(1)
    if not len(ids):
        return None
    ids = ids[:: -(-len(ids) // IDS_AT_MOST)]
    codes = ids.new_full((len(ids), len(module.n_ids)), -1)
    codes[:, 1 - column] = ids
    rows = module.table_rows(codes)
    vectors, bias = module.vectors(rows), module.summed_bias(rows)
    dtype = torch.promote_types(vectors.dtype, counts.dtype)  # torch solves no systems of float16 numbers
    counts, means = counts[ids].to(dtype), means[ids].to(dtype)

    def rated(shift: Tensor) -> Tensor:
        moved, shift = vectors.clone(), shift.to(vectors.dtype)
        moved[:, column] += shift[..., 1:]
        return module.score(moved, bias + shift[..., 0] if module.bias is not None else bias)

    layers = [] if module.mlp is None else [layer for layer in module.mlp if layer.training]
    for layer in layers:
        layer.eval()
    with torch.enable_grad():
        shift = vectors.new_zeros(len(ids), vectors.shape[-1] + 1, requires_grad=True)
        ratings = rated(shift)
        (slopes,) = torch.autograd.grad(ratings.sum(), shift)
    slopes, errors = slopes.to(dtype), means - ratings.detach()
    weighted = (slopes * counts.unsqueeze(1)).T / module.output_scale**2
    penalty = torch.full_like(slopes[0], PRIOR).diag()
    step = torch.linalg.solve(weighted @ slopes + penalty, weighted @ errors)
    better = counts @ (means - rated(step)).square() < counts @ errors.square()
    for layer in layers:
        layer.train()
    return step if better else None


def _level_of_rare(counts: Tensor, means: Tensor) -> float:
    """How far from the mean rating that of an unknown id lies, in so far as it is a rare one.

    The share of ratings that are the only one of their id is the chance that the next rating names an id not seen so
    far (Good 1953), and these ratings are what it would be like. Where the chance is small, an unknown id is rather a
    new one than a rare one, and is taken for one like all others.
    """
    once = (counts > 0) & (counts < 1.5)
    if not once.any():
        return 0.0
    n_ratings, n_once = counts.sum(), counts[once].sum()
    chance = (n_once / n_ratings).item()
    distance = counts[once] @ means[once] / n_once - counts @ means / n_ratings
    return (distance * n_once / (n_once + PRIOR)).item() * chance**2 / (chance**2 + NEW_OR_RARE**2)


def _slope(module) -> float:
    """By how much a rating changes with its score, at the center of the ratings."""
    with torch.enable_grad():
        score = torch.full_like(module.intercept, module.score_of_center).requires_grad_()
        (slope,) = torch.autograd.grad(module.to_ratings(score), score)
    return slope.item()
