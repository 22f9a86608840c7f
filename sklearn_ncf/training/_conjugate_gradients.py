"""Conjugate gradients for the systems of least squares, many at once, over a sparse matrix of interactions."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 3  # of a sweep, each of which starts from the last one's vectors
TOLERANCE = 1e-6  # of a solution, beside the right side
LARGE_PENALTY = 1e6  # from which on a system is scaled, so that no square overflows

with warnings.catch_warnings():  # torch says once per process that these tensors are in beta state
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor([0, 1], [0], [1.0], device="cpu")


class Block(NamedTuple):
    r"""Systems :math:`(G + C^\top (W - 1) C + \lambda I) x = C^\top W 1`, a row each.

    G is the Gram matrix of the other side's vectors, C those that a row has interacted with, W the weights.

    pattern, weights : sparse CSR Tensors of shape (n_rows, n_others); the first holds zeros
    penalty : float32 Tensor of shape (n_rows, 1)
    least : whether penalties may be too small for single precision
    """

    pattern: Tensor
    weights: Tensor
    penalty: Tensor
    least: bool

    @classmethod
    def of(cls, indptr: np.ndarray, indices: np.ndarray, weights: np.ndarray, penalty: np.ndarray, shape, **others):
        """From the parts of a CSR matrix, in numpy."""
        device = others.pop("device")
        rows, columns = (torch.from_numpy(part.astype(np.int64)).to(device) for part in (indptr, indices))
        values = torch.from_numpy(weights).to(device)
        pattern, weighted = (
            torch.sparse_csr_tensor(rows, columns, part, shape, check_invariants=False)
            for part in (torch.zeros_like(values), values)
        )
        return cls(pattern, weighted, torch.from_numpy(penalty).to(device).unsqueeze(1), **others)

    def solve(self, x: Tensor, others: Tensor, gram: Tensor, n_steps: int | None = STEPS) -> tuple[Tensor, float]:
        """Improve `x` by some steps, or solve for it, and return with it by how much it lowers the loss.

        At zero the loss of a row is the sum of its weights. None steps are as many as it takes.
        """
        target = _times(self.weights, others)
        penalty = self.penalty
        if self.least:  # as much of a penalty as makes a system positive definite in spite of rounding
            squares = others.square().sum(1, keepdim=True)
            size = gram.trace() + _times(self.weights, squares)
            precision = torch.finfo(gram.dtype)
            penalty = penalty.maximum((precision.eps * len(gram) * size).clamp(min=precision.tiny))
        scale = None
        if (penalty > LARGE_PENALTY).any():
            scale = 1 / (penalty + gram.trace() / len(gram))
        minus_one = self.weights.values() - 1

        def product(p: Tensor) -> Tensor:
            scored = _sampled(self.pattern, p, others)
            scored.values().mul_(minus_one)
            image = torch.addmm(penalty * p, p, gram).add_(_times(scored, others))
            return image if scale is None else image.mul_(scale)

        def right_side() -> Tensor:
            return target if scale is None else target * scale

        x = x.clone() if n_steps is not None else torch.zeros_like(x)  # from zero, the shortest solution is found
        residual = right_side() - product(x)
        direction, squared = residual.clone(), residual.square().sum(1, keepdim=True)
        enough = TOLERANCE**2 * right_side().square().sum(1, keepdim=True)
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
                noise = precision.eps * size if scale is None else precision.eps * size * scale
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
        return x, (x * (target + residual + penalty * x)).sum(dtype=torch.float64).item()


def has_sampled_products(device: torch.device) -> bool:
    """Whether torch has the product of two matrices at some places alone: on a CPU, where it is built with MKL."""
    return device.type == "cuda" or (device.type == "cpu" and torch.backends.mkl.is_available())


def _sampled(pattern: Tensor, p: Tensor, others: Tensor) -> Tensor:
    """The products of rows of `p` and of `others` at the places of a sparse matrix of zeros."""
    if has_sampled_products(p.device):
        return torch.sparse.sampled_addmm(pattern, p, others.T)
    rows = torch.repeat_interleave(pattern.crow_indices().diff())
    values = torch.einsum("nd,nd->n", p[rows], others[pattern.col_indices()])
    shape = pattern.shape
    return torch.sparse_csr_tensor(pattern.crow_indices(), pattern.col_indices(), values, shape, check_invariants=False)


def _times(sparse: Tensor, dense: Tensor) -> Tensor:
    """A sparse matrix times a dense one; twice as fast as torch's own product of the two."""
    ends = sparse.crow_indices()
    return F.embedding_bag(
        sparse.col_indices(), dense, ends, mode="sum", per_sample_weights=sparse.values(), include_last_offset=True
    )
