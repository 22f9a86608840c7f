"""Conjugate gradients for the systems of least squares, many at once, over a sparse matrix of interactions."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 2  # of a sweep, each of which starts from the last one's vectors
TOLERANCE = 1e-5  # of a solution, beside the right side
LARGE_PENALTY = 1e6  # from which on a system is scaled, so that no square overflows


class Block(NamedTuple):
    r"""Systems :math:`(G + C^\top (W - 1) C + \lambda I) x = C^\top W 1 + \lambda s m`, a row each.

    G is the Gram matrix of the other side's vectors, C those that a row has interacted with, W the weights; m is where
    the penalty draws to, and s how far.

    ends, others, rows : int64 Tensors
        The sparse matrix of interactions: where each row ends, from 0 on, and the other id and the row of each.
    weights : float32 Tensor of shape (n_interactions,)
    penalty, pull : float32 Tensors of shape (n_rows, 1), lambda and s
    least : whether penalties may be too small for single precision
    """

    ends: Tensor
    others: Tensor
    rows: Tensor
    weights: Tensor
    penalty: Tensor
    pull: Tensor
    least: bool

    @classmethod
    def of(cls, indptr: np.ndarray, indices: np.ndarray, weights: np.ndarray, *per_row: np.ndarray, least, device):
        """From the parts of a CSR matrix, in numpy, and a penalty and a pull for each row."""
        ends, others = (torch.from_numpy(part.astype(np.int64)).to(device) for part in (indptr, indices))
        weights, *per_row = (torch.from_numpy(part).to(device) for part in (weights, *per_row))
        rows = torch.repeat_interleave(ends.diff())
        return cls(ends, others, rows, weights, *(numbers.unsqueeze(1) for numbers in per_row), least)

    def solve(
        self,
        x: Tensor,
        vectors: Tensor,
        gram: Tensor,
        squares: Tensor | None,
        mean: Tensor | float,
        n_steps: int | None = STEPS,
    ) -> tuple[Tensor, float]:
        """Improve `x` by some steps, or solve for it, and return with it by how much it lowers the loss.

        At zero the loss of a row is the sum of its weights. None steps are as many as it takes. `squares` are the
        squared lengths of the other side's vectors, (n_others, 1), needed with `least`; `mean` is m, (dim,), or 0.
        """
        target = self._times(self.weights, vectors)
        rounding = self._rounding(gram, squares)
        penalty = self._bounded_penalty(rounding, len(gram))
        scale = None
        if (penalty > LARGE_PENALTY).any():
            scale = 1 / (penalty + gram.trace() / len(gram))
        minus_one, of_others = self.weights - 1, vectors.index_select(0, self.others)

        def product(p: Tensor) -> Tensor:
            scores = p.index_select(0, self.rows).mul_(of_others).sum(1)
            image = torch.addmm(penalty * p, p, gram).add_(self._times(scores.mul_(minus_one), vectors))
            return image if scale is None else image.mul_(scale)

        prior = self.pull * mean
        right_side = torch.addcmul(target, penalty, prior)
        right_side = right_side if scale is None else right_side * scale
        x = torch.zeros_like(x) if self.least and n_steps is None else x.clone()  # zero leads to the shortest solution
        residual = right_side - product(x)
        direction, squared = residual.clone(), residual.square().sum(1, keepdim=True)
        enough = TOLERANCE**2 * right_side.square().sum(1, keepdim=True)
        for step in range(2 * len(gram) if n_steps is None else n_steps):
            if n_steps is None and not (squared > enough).any():
                break
            image = product(direction)
            curvature = (direction * image).sum(1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
            if self.least:  # the penalty is a lower bound, below which rounding alone can take it
                bound = penalty if scale is None else penalty * scale
                curvature = curvature.maximum(bound * direction.square().sum(1, keepdim=True))
            length = squared / curvature
            if self.least:  # what is left is rounding: a step along it would only add to it
                noise = rounding if scale is None else rounding * scale
                enough = enough.maximum(noise.square() * x.square().sum(1, keepdim=True))
            if self.least or n_steps is None:
                length.masked_fill_(squared <= enough, 0)
            x.addcmul_(length, direction)
            residual.addcmul_(length, image, value=-1)
            last, squared = squared, residual.square().sum(1, keepdim=True)
            if step + 1 != n_steps:
                direction.mul_(squared / last.clamp(min=torch.finfo(x.dtype).tiny)).add_(residual)
        if scale is not None:
            residual = residual / scale
        return x, (x * (target + residual + penalty * (x - prior))).sum(dtype=torch.float64).item()

    def parts(
        self, vectors: Tensor, gram: Tensor, squares: Tensor | None, mean: Tensor | float
    ) -> tuple[Tensor, Tensor]:
        r"""What the solutions are the sums of: :math:`(\ldots)^{-1}` times each summand of the right side, in float64.

        The first are of the interactions, (n_interactions, dim), the second of the pull to the mean, (n_rows, dim).
        Arguments are those of `solve`.
        """
        penalty = self._bounded_penalty(self._rounding(gram, squares), len(gram)).double()
        weights, of_others = self.weights.double(), vectors.index_select(0, self.others).double()
        gram, of_pull = gram.double(), penalty * self.pull * mean + torch.zeros_like(gram[0], dtype=torch.float64)
        of_interactions = torch.empty_like(of_others)
        for row, (first, last) in enumerate(pairwise(self.ends.tolist())):
            own, of_row = of_others[first:last], weights[first:last, None]
            matrix = torch.addmm(gram, own.T, (of_row - 1) * own)
            matrix.diagonal().add_(penalty[row])
            solved = torch.linalg.solve(matrix, torch.cat([of_row * own, of_pull[row, None]]).T).T
            of_interactions[first:last], of_pull[row] = solved[:-1], solved[-1]
        return of_interactions, of_pull

    def _rounding(self, gram: Tensor, squares: Tensor | None) -> Tensor | None:
        """The error of a system in single precision, with `least`: (n_rows, 1)."""
        if not self.least:
            return None
        return torch.finfo(gram.dtype).eps * (gram.trace() + self._times(self.weights, squares))

    def _bounded_penalty(self, rounding: Tensor | None, dim: int) -> Tensor:
        """The penalty, or as much as makes a system positive definite in spite of rounding."""
        if rounding is None:
            return self.penalty
        return self.penalty.maximum((dim * rounding).clamp(min=torch.finfo(rounding.dtype).tiny))

    def _times(self, weights: Tensor, vectors: Tensor) -> Tensor:
        """Sums of the vectors that each row has interacted with, with some weights.

        Twice as fast as torch's product of a sparse matrix and a dense one.
        """
        return F.embedding_bag(
            self.others, vectors, self.ends, mode="sum", per_sample_weights=weights, include_last_offset=True
        )
