"""Alternating least squares: the squared error of all pairs of users and items, minimised in closed form."""

import torch
from torch import Tensor

from sklearn_ncf.nn import ITEM, USER
from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._objectives import SquaredErrorOfAll
from sklearn_ncf.training._solvers import Solver

L2 = 0.5  # weight_decay="auto": of a vector, times the root of the weight of the pairs it stands in
LARGEST_PENALTY = 1e30  # a larger one is the same in single precision, or overflows
NUMBERS_CHUNK_SIZE = 4_000_000  # in the vectors, and in the matrices, of the ids solved together


class AlternatingLeastSquares(Solver):
    r"""Fit the vectors of users, then those of items, each exactly, while the others stand still.

    What is minimised is the squared error of Hu et al. (2008): positives are to score one, with the weight
    :math:`w c_{ui}` (:math:`c` their sample weights), all other pairs zero, with the weight 1. A vector :math:`p_u` is
    then the solution of a linear system,

    .. math:: \Big(Q^\top Q + \sum_{i \in N(u)} (w c_{ui} - 1) q_i q_i^\top + \lambda_u I\Big) p_u
              = \sum_{i \in N(u)} w c_{ui} q_i .

    The penalty grows with the weight :math:`n_u` of the pairs that an id stands in,
    :math:`\lambda_u = \lambda n_u^{1/2}`, between the two usual choices, none and all of it (Rendle et al. 2022,
    section 4.3).

    A sweep costs a pass over the pairs and one system per id, whatever the number of items that a user has not
    interacted with. Where the penalty is too small for single precision, a system gets as much of one as it needs: with
    ``weight_decay=0``, of all vectors that fit equally well, the solution is close to the shortest.

    Parameters
    ----------
    weight_decay : float, optional
        The factor of the penalty of the mean loss, the same for each id, from 0; by default it is `L2` with the growth
        above.

    References
    ----------
    Hu, Y., Y. Koren, C. Volinsky (2008). "Collaborative Filtering for Implicit Feedback Datasets", ICDM.

    Rendle, S., W. Krichene, L. Zhang, Y. Koren (2022). "Revisiting the Performance of iALS on Item Recommendation
    Benchmarks", RecSys.
    """

    keeps_biases = False
    needs = "architecture='gmf', loss='squared_error', use_history=False and two columns"

    def __init__(self, weight_decay: float | None = None) -> None:
        super().__init__(weight_decay)
        self._sides: list[_Side] = []

    @classmethod
    def supports(cls, module, module_params, objective) -> bool:
        """Whether the network and the objective are those of `needs`."""
        return (
            objective is SquaredErrorOfAll
            and module_params.get("architecture") == "gmf"
            and not module_params["use_history"]
            and len(module_params["n_ids"]) == 2
        )

    def update(self, network, pairs, weight, *, ids, known, total) -> None:
        """Have the sweeps that follow solve for some ids alone, each from all of its pairs."""
        self._sides = []
        for column in (USER, ITEM):
            own = torch.isin(pairs[:, column], ids[column])
            rows = known[column] + network.first_rows[column]
            self._sides.append(_Side(network.table_rows(pairs[own]), weight[own], column, known=rows, total=total))

    def end_training(self) -> None:
        """Release the pairs, which only training needs."""
        self._sides = []

    @torch.no_grad()
    def sweep(self, network, data: InteractionDataset) -> float:
        """Solve for all users, then for all items, and return the mean loss of a positive."""
        if not self._sides:
            codes, _, *weight = data.columns()
            pairs, weight = _sum_repeated(network.table_rows(codes), *weight)
            self._sides = [_Side(pairs, weight, column) for column in (USER, ITEM)]
        users, items = self._sides
        table = network.embedding.weight
        users.solve(table, items, self.weight_decay)
        error = items.solve(table, users, self.weight_decay)
        all_pairs = (_gram(table[users.known]) * _gram(table[items.ids])).sum()
        return ((error + all_pairs) / items.weight.sum()).item()


def _sum_repeated(pairs: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Each pair once, with the sum of its weights."""
    n_rows = int(pairs.max()) + 1
    keys, place = (pairs[:, USER] * n_rows + pairs[:, ITEM]).unique(return_inverse=True)
    summed = torch.zeros(len(keys), dtype=torch.float32, device=pairs.device)
    summed.index_add_(0, place, summed.new_ones(len(pairs)) if weight is None else weight)
    return torch.stack([keys // n_rows, keys % n_rows], dim=1), summed


def _gram(vectors: Tensor) -> Tensor:
    """Sum of the outer products of vectors."""
    return vectors.T @ vectors


class _Side:
    """One column's ids, in the order of their numbers of pairs, and what each of them is paired with.

    `known` are the column's ids that stand in any pair, by default the same, and `total` is the weight of all pairs.
    """

    def __init__(
        self, pairs: Tensor, weight: Tensor, column: int, known: Tensor | None = None, total: float | None = None
    ) -> None:
        own, others = pairs[:, column], pairs[:, 1 - column]
        order = own.argsort(stable=True)
        self.ids, n_pairs = own[order].unique_consecutive(return_counts=True)
        self.others = others[order]
        self.weight = weight[order]
        first = n_pairs.cumsum(0) - n_pairs
        by_size = n_pairs.argsort(stable=True)
        self.ids, self.n_pairs, self.first = self.ids[by_size], n_pairs[by_size], first[by_size]
        self.known = self.ids if known is None else known
        self.total = float(self.weight.sum()) if total is None else total

    def solve(self, table: Tensor, other: "_Side", weight_decay: float | None) -> Tensor:
        """Set the ids' vectors; return what the positives' errors add to the loss beside all pairs' squared scores."""
        gram = _gram(table[other.known])
        dim = len(gram)
        error = gram.new_zeros(())
        start = 0
        while start < len(self.ids):
            stop = start + self._n_at_once(start, dim)
            n_pairs = self.n_pairs[start:stop]
            place = torch.arange(int(n_pairs[-1]), device=gram.device)
            there = place < n_pairs.unsqueeze(1)
            pairs = torch.where(there, self.first[start:stop].unsqueeze(1) + place, 0)
            weight = SquaredErrorOfAll.positive_weight * self.weight[pairs] * there
            vectors = table[self.others[pairs]] * there.unsqueeze(2)
            system = torch.baddbmm(gram, vectors.mT, vectors * (weight - 1).unsqueeze(2))
            size = gram.trace() + (weight * vectors.square().sum(dim=2)).sum(dim=1)
            penalty = self._penalty(weight, len(other.known), weight_decay)
            system.diagonal(dim1=1, dim2=2).add_(penalty.maximum(_least_penalty(size, dim)).unsqueeze(1))
            target = (vectors * weight.unsqueeze(2)).sum(dim=1)
            solved = torch.cholesky_solve(target.unsqueeze(2), torch.linalg.cholesky(system)).squeeze(2)
            table[self.ids[start:stop]] = solved
            scores = (vectors @ solved.unsqueeze(2)).squeeze(2)
            error += (weight * (1 - scores).square() - scores.square())[there].sum()
            start = stop
        return error

    def _penalty(self, weight: Tensor, n_others: int, weight_decay: float | None) -> Tensor:
        if weight_decay is None:
            return L2 * (weight.sum(dim=1) + n_others).sqrt()
        return torch.full_like(weight[:, 0], min(weight_decay * self.total / 2, LARGEST_PENALTY))

    def _n_at_once(self, start: int, dim: int) -> int:
        """How many ids from one on can be solved together; their numbers of pairs grow."""
        n = max(1, min(len(self.ids) - start, NUMBERS_CHUNK_SIZE // dim**2))
        while n > 1 and n * int(self.n_pairs[start + n - 1]) * dim > NUMBERS_CHUNK_SIZE:
            n //= 2
        return n


def _least_penalty(size: Tensor, dim: int) -> Tensor:
    """The penalty that makes a system positive definite in spite of rounding, from the trace of what it sums up."""
    precision = torch.finfo(size.dtype)
    return (precision.eps * dim * size).clamp(min=precision.tiny)
