"""A score as a sum: what the vectors and biases of a row's columns add to it, before the output bends at its ends."""

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_ncf.nn._embedding_nn import EmbeddingNN, is_standard
from sklearn_ncf.nn._network import ITEM, USER
from sklearn_ncf.nn._output_link import Sigmoid

SMALLEST_LENGTH = 1e-12  # of a vector, as in torch's `normalize`


def is_sum(module) -> bool:
    """Whether the scores of a network are sums of biases and of products of two columns' vectors, in rating units."""
    return _is_gmf(module) and not isinstance(module.output_link, Sigmoid)


def is_bilinear(module) -> bool:
    """Whether scores, but for the output link, are linear in the vectors and biases of each column."""
    return _is_gmf(module) and module.temperature is None


def _is_gmf(module) -> bool:
    return isinstance(module, EmbeddingNN) and is_standard(module) and module.mlp is None


class ScoreSum(NamedTuple):
    """The summands of rows' scores, in float64 and in rating units.

    intercept : the same for all rows
    biases : of shape (n_rows, n_columns), or None
    vectors : of shape (n_rows, n_columns, dim)
    scale : rating units of a score of one
    """

    module: EmbeddingNN
    intercept: float
    biases: Tensor | None
    vectors: Tensor
    scale: float

    @classmethod
    @torch.no_grad()
    def of(cls, module: EmbeddingNN, codes: Tensor) -> "ScoreSum":
        """That of rows of codes, of shape (n_rows, n_columns)."""
        scale, rows = module.output_scale, module.table_rows(codes)
        biases = None if module.bias is None else module.bias(rows).squeeze(-1).double().cpu() * scale
        vectors = module.vectors(rows).double().cpu()
        return cls(module, module.output_center + scale * module.intercept.item(), biases, vectors, scale)

    @torch.no_grad()
    def weights(self, shifts: dict[int, Tensor]) -> Tensor:
        """What products of two columns' vectors are weighted with, of shape (n_rows, dim).

        `shifts` are added to the vectors of columns, (n_rows, dim): with a temperature, lengths count.
        """
        weights = (self.module.gmf_weight.double().cpu() * self.scale).expand(len(self.vectors), -1)
        if self.module.temperature is None:
            return weights
        shifted = self.vectors.clone()
        for column, shift in shifts.items():
            shifted[:, column] += shift
        item = shifted[:, ITEM]
        query = shifted.sum(dim=1) - item
        for vectors in (query, item):
            weights = weights / vectors.norm(dim=1, keepdim=True).clamp(min=SMALLEST_LENGTH)
        return weights

    def partners(self, column: int) -> list[int]:
        """The columns whose vectors are multiplied with that of a column."""
        others = [other for other in range(self.vectors.shape[1]) if other != column]
        return others if self.module.temperature is None or column == ITEM else [ITEM]

    def context_pairs(self) -> list[tuple[int, int]]:
        """The pairs of columns that are multiplied, but for users with items."""
        pairs = combinations(range(self.vectors.shape[1]), 2)
        return [(a, b) for a, b in pairs if b in self.partners(a) and {a, b} != {USER, ITEM}]

    @torch.no_grad()
    def bend(self, ratings: Tensor) -> Tensor:
        """By how much the output moves ratings that near the ends of its range."""
        link = self.module.output_link
        if link is None:
            return torch.zeros_like(ratings)
        return link((ratings - self.module.output_center) / self.scale) - ratings
