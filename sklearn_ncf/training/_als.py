"""Alternating least squares: the squared error of all pairs of users and items, minimised in closed form."""

import torch
from torch import Tensor

from sklearn_ncf.nn import ITEM, USER
from sklearn_ncf.training._batches import Ratings
from sklearn_ncf.training._losses import POSITIVE_WEIGHT

L2 = 0.5  # weight_decay="auto": of a vector, times the root of the weight of the pairs it stands in
NUMBERS_AT_ONCE = 4_000_000  # in the vectors, and in the matrices, of the ids solved together


class AlternatingLeastSquares(torch.optim.Optimizer):
    r"""Fit the vectors of users, then those of items, each exactly, while the others stand still.

    What is minimised is the squared error of Hu et al. (2008): positives are to score one, with the weight
    :math:`w c_{ui}` (:math:`c` their sample weights), all other pairs zero, with the weight 1. A vector :math:`p_u` is
    then the solution of a linear system,

    .. math:: \Big(Q^\top Q + \sum_{i \in N(u)} (w c_{ui} - 1) q_i q_i^\top + \lambda_u I\Big) p_u
              = \sum_{i \in N(u)} w c_{ui} q_i .

    The penalty grows with the weight :math:`n_u` of the pairs that an id stands in,
    :math:`\lambda_u = \lambda n_u^{1/2}`, between the two usual choices, none and all of it (Rendle et al. 2022,
    section 4.3).

    A sweep costs a pass over the pairs and a system an id, whatever the number of items that a user has not had.

    Parameters
    ----------
    params : iterable of Tensors
        Those of a GMF network without biases and histories.
    lr : float
        Not used.
    weight_decay : float, optional
        The factor of the penalty of the mean loss, the same for each id; by default it is `L2` with the growth above.

    References
    ----------
    Hu, Y., Y. Koren, C. Volinsky (2008). "Collaborative Filtering for Implicit Feedback Datasets", ICDM.

    Rendle, S., W. Krichene, L. Zhang, Y. Koren (2022). "Revisiting the Performance of iALS on Item Recommendation
    Benchmarks", RecSys.
    """

    def __init__(self, params, lr: float = 0.0, weight_decay: float | None = None) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self._data: Ratings | None = None
        self._sides: list[_Side] = []

    def end_training(self) -> None:
        """Let go of the pairs, which only training needs."""
        self._data, self._sides = None, []

    @torch.no_grad()
    def sweep(self, module, data: Ratings) -> float:
        """Solve for all users, then for all items, and return the mean loss of a positive."""
        if data is not self._data:
            self._data = data
            codes, _, *weight = data.columns()
            pairs, weight = _distinct(module.table_rows(codes), *weight)
            self._sides = [_Side(pairs, weight, column) for column in (USER, ITEM)]
        users, items = self._sides
        weight_decay = self.param_groups[0]["weight_decay"]
        table = module.embedding.weight
        users.solve(table, items, weight_decay)
        error = items.solve(table, users, weight_decay)
        all_pairs = (users.gram(table) * items.gram(table)).sum()
        return ((error + all_pairs) / items.weight.sum()).item()


def _distinct(pairs: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Each pair once, with the sum of its weights."""
    n_rows = int(pairs.max()) + 1
    keys, place = (pairs[:, USER] * n_rows + pairs[:, ITEM]).unique(return_inverse=True)
    summed = torch.zeros(len(keys), dtype=torch.float32, device=pairs.device)
    summed.index_add_(0, place, summed.new_ones(len(pairs)) if weight is None else weight)
    return torch.stack([keys // n_rows, keys % n_rows], dim=1), summed


class _Side:
    """One column's ids, in the order of their numbers of pairs, and what each of them is paired with."""

    def __init__(self, pairs: Tensor, weight: Tensor, column: int) -> None:
        own, others = pairs[:, column], pairs[:, 1 - column]
        order = own.argsort(stable=True)
        self.ids, n_pairs = own[order].unique_consecutive(return_counts=True)
        self.others = others[order]
        self.weight = weight[order]
        first = n_pairs.cumsum(0) - n_pairs
        by_size = n_pairs.argsort(stable=True)
        self.ids, self.n_pairs, self.first = self.ids[by_size], n_pairs[by_size], first[by_size]

    def gram(self, table: Tensor) -> Tensor:
        """Sum of the outer products of the ids' vectors."""
        vectors = table[self.ids]
        return vectors.T @ vectors

    def solve(self, table: Tensor, other: "_Side", weight_decay: float | None) -> Tensor:
        """Set the ids' vectors; return what the positives' errors add to the loss beside all pairs' squared scores."""
        gram = other.gram(table)
        dim = len(gram)
        error = gram.new_zeros(())
        start = 0
        while start < len(self.ids):
            stop = start + self._n_at_once(start, dim)
            n_pairs = self.n_pairs[start:stop]
            place = torch.arange(int(n_pairs[-1]), device=gram.device)
            there = place < n_pairs.unsqueeze(1)
            pairs = torch.where(there, self.first[start:stop].unsqueeze(1) + place, 0)
            weight = POSITIVE_WEIGHT * self.weight[pairs] * there
            vectors = table[self.others[pairs]] * there.unsqueeze(2)
            system = torch.baddbmm(gram, vectors.mT, vectors * (weight - 1).unsqueeze(2))
            system.diagonal(dim1=1, dim2=2).add_(self._penalty(weight, len(other.ids), weight_decay).unsqueeze(1))
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
        return torch.full_like(weight[:, 0], weight_decay * float(self.weight.sum()) / 2)

    def _n_at_once(self, start: int, dim: int) -> int:
        """How many ids from one on can be solved together; their numbers of pairs grow."""
        n = max(1, min(len(self.ids) - start, NUMBERS_AT_ONCE // dim**2))
        while n > 1 and n * int(self.n_pairs[start + n - 1]) * dim > NUMBERS_AT_ONCE:
            n //= 2
        return n
