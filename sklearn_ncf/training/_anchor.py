"""Anchor: further rows move an id the less, the more rows have been learned from before."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training._objectives import Objective, RankingObjective

RATING = 0.1  # what one earlier rating adds to the pull on a component of a vector,
BIAS_RATING = 3.0  # and on a bias: about the curvature of the squared error there, in spreads of the ratings
POSITIVE = 10.0  # of a ranking loss's L2 penalty, what one earlier positive adds to either


class Anchor:
    r"""A penalty that holds vectors and biases near where they stand.

    An id with :math:`n` earlier ratings is drawn to its place with the strength :math:`\lambda + \kappa n`: a Gaussian
    prior whose precision is that of the L2 penalty of a fit, :math:`\lambda`, and of the earlier ratings, as in
    elastic weight consolidation (Kirkpatrick et al. 2017). A new id has the first alone, around the unknown id's place.
    Rankings have their loss's :math:`\lambda`, and :math:`\kappa = 10 \lambda`. Ids without rows now, which serve as
    negatives, do not move.

    Parameters
    ----------
    module : EmbeddingNN
        Its embeddings and biases as they stand are the places to keep to.
    n_before : sequence of n_columns float Tensors of shape (n_ids,)
        Earlier ratings of each id.
    n_now : sequence of n_columns float Tensors of shape (n_ids,)
        Ratings of each id in the training that follows; their batches share the penalty of an epoch.
    objective : class
        What is learned, ratings or rankings.

    References
    ----------
    Kirkpatrick, J. et al. (2017). "Overcoming catastrophic forgetting in neural networks", PNAS 114(13).
    """

    def __init__(
        self, module: EmbeddingNN, n_before: list[Tensor], n_now: list[Tensor], *, objective: type[Objective]
    ) -> None:
        self.module = module
        l2, bias_l2 = objective.l2, objective.bias_l2
        ranks = issubclass(objective, RankingObjective)
        rating, bias_rating = (POSITIVE * l2, POSITIVE * bias_l2) if ranks else (RATING, BIAS_RATING)
        self.tables = [(module.embedding, l2, rating)]
        if module.bias is not None:
            self.tables.append((module.bias, bias_l2, bias_rating))
        before, now = (torch.zeros_like(module.embedding.weight[:, 0]) for _ in range(2))
        for column, (earlier, later) in enumerate(zip(n_before, n_now, strict=True)):
            rows = module.column_rows(column)
            before[rows], now[rows] = earlier, later
        if (now == 0).any():
            for table, _, _ in self.tables:
                _hold(table.weight, (now == 0).unsqueeze(1))
        self.strengths = [(l2 + rating * before) / now.clamp(min=1e-6) for _, l2, rating in self.tables]
        self.places = [table.weight.detach().clone() for table, _, _ in self.tables]
        self.cosine = None if module.temperature is None else _slopes_of_cosine(module, self.places[0])

    def __call__(self, codes: Tensor) -> Tensor:
        """The mean penalty of a batch's rows of codes."""
        rows = self.module.table_rows(codes)
        penalty = 0
        for (table, _, _), strength, place in zip(self.tables, self.strengths, self.places, strict=True):
            moved = (table(rows) - F.embedding(rows, place)).square()
            if self.cosine is not None and table is self.module.embedding:
                moved = moved * F.embedding(rows, self.cosine)
            penalty = penalty + (strength[rows] * moved.sum(-1)).sum(1).mean() / 2
        return penalty


@torch.no_grad()
def _slopes_of_cosine(module: EmbeddingNN, vectors: Tensor) -> Tensor:
    """How much more a step from some vectors does to a score than with products: the shorter the vector, the more."""
    slopes = torch.ones_like(vectors)
    lengths = vectors[:, : module.gmf_dim].norm(dim=1, keepdim=True).clamp(min=torch.finfo(vectors.dtype).eps)
    slopes[:, : module.gmf_dim] = (module.temperature * lengths) ** -2
    return slopes


def _hold(table: Tensor, held: Tensor) -> None:
    """Let no gradient reach the rows of a table that are `held`, a mask of shape (n_rows, 1)."""

    def release(gradient: Tensor) -> Tensor:
        if not gradient.is_sparse:
            return gradient.masked_fill(held, 0)
        gradient = gradient.coalesce()
        rows = gradient.indices()
        values = gradient.values().masked_fill(held[rows[0]], 0)
        return torch.sparse_coo_tensor(rows, values, gradient.shape, check_invariants=False)

    table.register_hook(release)
