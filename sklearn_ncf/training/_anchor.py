"""Anchor: further rows move an id the less, the more rows have been learned from before."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training._objectives import Objective, RankingObjective
from sklearn_ncf.training._plan import Strengths

RATING = 0.1  # what one earlier rating adds to the pull on a component of a vector,
BIAS_RATING = 2.0  # and on a bias: the curvature of the squared error there, in spreads of the ratings
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
    strengths : Strengths or None
        What the ratings of the fit have said of the prior.

    References
    ----------
    Kirkpatrick, J. et al. (2017). "Overcoming catastrophic forgetting in neural networks", PNAS 114(13).
    """

    def __init__(
        self,
        module: EmbeddingNN,
        n_before: list[Tensor],
        n_now: list[Tensor],
        *,
        objective: type[Objective],
        strengths: Strengths | None = None,
    ) -> None:
        self.module = module
        self.tables = [module.embedding, *([] if module.bias is None else [module.bias])]
        now, *pulls = (torch.zeros_like(module.embedding.weight[:, 0]) for _ in range(3))
        for column, (earlier, later) in enumerate(zip(n_before, n_now, strict=True)):
            rows = module.column_rows(column)
            now[rows] = later
            for pull, of_column in zip(pulls, prior_strengths(earlier, objective, strengths, column), strict=True):
                pull[rows] = of_column
        if (now == 0).any():
            for table in self.tables:
                _hold(table.weight, (now == 0).unsqueeze(1))
        self.pulls = pulls[: len(self.tables)]
        self.strengths = [pull / now.clamp(min=1e-6) for pull in self.pulls]
        self.places = [table.weight.detach().clone() for table in self.tables]
        self.cosine = None if module.temperature is None else slopes_of_cosine(module, self.places[0])

    def __call__(self, codes: Tensor) -> Tensor:
        """The mean penalty of a batch's rows of codes."""
        rows = self.module.table_rows(codes)
        penalty = 0
        for table, strength, place in zip(self.tables, self.strengths, self.places, strict=True):
            moved = (table(rows) - F.embedding(rows, place)).square()
            if self.cosine is not None and table is self.module.embedding:
                moved = moved * F.embedding(rows, self.cosine)
            penalty = penalty + (strength[rows] * moved.sum(-1)).sum(1).mean() / 2
        return penalty


def prior_strengths(
    n_before: Tensor, objective: type[Objective], strengths: Strengths | None, column: int
) -> tuple[Tensor, Tensor]:
    """How strongly vectors and biases of a column's ids are held to their places, after so many earlier rows."""
    of_bias = strengths.biases[column] if strengths else objective.bias_l2 / 2
    rating, bias_rating = RATING, BIAS_RATING
    if issubclass(objective, RankingObjective):
        rating, bias_rating = POSITIVE * objective.l2, POSITIVE * objective.bias_l2
    of_vectors = (strengths.vectors if strengths else 1.0) * objective.l2
    return of_vectors + rating * n_before, 2 * of_bias + bias_rating * n_before


@torch.no_grad()
def slopes_of_cosine(module: EmbeddingNN, vectors: Tensor) -> Tensor:
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
