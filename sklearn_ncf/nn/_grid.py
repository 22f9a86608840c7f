"""Scores of every pair of a query and an item, with what pairs share computed once."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ncf.nn._network import ITEM, PAIRS_CHUNK_SIZE, of_network

Shifts = dict[int, tuple[Tensor, Tensor]]  # by column: places of rows, and what is added to their vectors and biases


class GridScorer:
    """Score queries (a user, with context if there is any) against a list of items.

    The items are encoded once, the queries once per call, by the network's own `encode_items` and `encode_queries` if
    it has them; `score_grid` makes scores of the two. Other networks are asked for each pair.

    Parameters
    ----------
    module : nn.Module
        The trained network, an `EmbeddingNN` or one that maps the same codes to scores; later changes of its weights
        are not seen.

    items : Tensor of shape (n_items,), int64
        Codes of the items.

    shifts : dict from a column to (Tensor of shape (n,), Tensor of shape (n, width + 1)), default=None
        Places of some of the items, and by how much their vectors and, last, their biases are shifted, such as by what
        their features say. Of an `EmbeddingNN` alone.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ncf.nn import EmbeddingNN, GridScorer
    >>> net = EmbeddingNN(n_ids=[3, 4]).eval()
    >>> scorer = GridScorer(net, items=torch.arange(4))
    >>> scores = scorer(torch.tensor([[2], [0]]))
    >>> scores.shape
    torch.Size([2, 4])
    >>> bool(torch.isclose(scores[0, 3], net(torch.tensor([[2, 3]]))[0]))
    True
    """

    @torch.no_grad()
    def __init__(self, module: nn.Module, items: Tensor, *, shifts: Shifts | None = None) -> None:
        self.module, self.codes = module, items
        self.items = of_network(module, "encode_items")(items, *_given(shifts))

    @torch.no_grad()
    def __call__(self, queries: Tensor, *, shifts: Shifts | None = None) -> Tensor:
        """Score every query with every item.

        Parameters
        ----------
        queries : Tensor of shape (n_queries, n_columns - 1), int64
            Codes of all columns but the items.
        shifts : dict from a column to (Tensor of shape (n,), Tensor of shape (n, width + 1)), default=None
            As for the items, for some of the queries.

        Returns
        -------
        Tensor of shape (n_queries, n_items)
            Scores, in rating units.
        """
        items = self.items
        if shifts and not isinstance(items, EncodedItems):  # hooks of the network are not called with shifts
            items = self.module.encode_items(self.codes, {})
        queries = of_network(self.module, "encode_queries")(queries, *_given(shifts))
        return of_network(self.module, "score_grid")(queries, items)

    def item_vectors(self) -> Tensor | None:
        """Vectors of the items, of shape (n_items, width), whose products with `query_vectors` order as scores do.

        None where scores are no such products: through layers, and in networks other than an `EmbeddingNN`.
        """
        if not isinstance(self.items, EncodedItems) or self.items.of_mlp is not None:
            return None
        return torch.cat([self.items.of_gmf.T, self.items.score.unsqueeze(1)], dim=1)

    @torch.no_grad()
    def query_vectors(self, queries: Tensor, *, shifts: Shifts | None = None) -> tuple[Tensor, Tensor]:
        """Vectors of queries, of shape (n_queries, width), and what `to_scores` adds for each of them, (n_queries,)."""
        queries = self.module.encode_queries(queries, *_given(shifts))
        return F.pad(queries.of_gmf, (0, 1), value=1.0), queries.score

    @torch.no_grad()
    def to_scores(self, products: Tensor) -> Tensor:
        """Scores, in rating units, from products of vectors and what is added to them."""
        return self.module.to_ratings(products)


class EncodedQueries(NamedTuple):
    """What an `EmbeddingNN` knows of queries before it sees an item.

    score : of shape (n_queries,), what all items share
    of_gmf : of shape (n_queries, gmf_dim); of_mlp : of shape (n_queries, n_hidden); each None without that part
    """

    score: Tensor
    of_gmf: Tensor | None
    of_mlp: Tensor | None

    @classmethod
    def of(cls, module, queries: Tensor, shifts: Shifts | None = None) -> "EncodedQueries":
        """Encode codes of all columns but the items."""
        columns = [column for column in range(len(module.n_ids)) if column != ITEM]
        vectors, bias = _look_up(module, queries, columns, shifts)
        score, of_gmf = bias + module.intercept, None
        if module.gmf_dim:
            of_gmf, alone = module.gmf_of_query(vectors[..., : module.gmf_dim])
            score = score + alone
        return cls(score, of_gmf, None if module.mlp is None else _first_layer(module, vectors, columns))


class EncodedItems(NamedTuple):
    """What an `EmbeddingNN` knows of items before it sees a query; GMF's vectors are transposed."""

    score: Tensor
    of_gmf: Tensor | None
    of_mlp: Tensor | None

    @classmethod
    def of(cls, module, items: Tensor, shifts: Shifts | None = None) -> "EncodedItems":
        """Encode codes of items."""
        vectors, bias = _look_up(module, items.unsqueeze(1), [ITEM], shifts)
        of_gmf = module.gmf_of_item(vectors[:, 0, : module.gmf_dim]).T if module.gmf_dim else None
        of_mlp = None
        if module.mlp is not None:
            of_mlp = _first_layer(module, vectors, [ITEM]) + _linear_layers(module)[0].bias
        return cls(bias, of_gmf, of_mlp)


def score_grid_by_parts(module, queries: EncodedQueries, items: EncodedItems) -> Tensor:
    """See `EmbeddingNN.score_grid`."""
    scores = queries.score.unsqueeze(1) + items.score
    if items.of_gmf is not None:
        scores.addmm_(queries.of_gmf, items.of_gmf)
    if items.of_mlp is not None:
        layers = _linear_layers(module)[1:]
        if torch.compiler.is_compiling():  # a graph is one for any number of queries
            scores = scores + _rest_of_mlp(layers, queries.of_mlp.unsqueeze(1) + items.of_mlp)
            return module.to_ratings(scores)
        n_queries = max(1, PAIRS_CHUNK_SIZE // max(1, len(items.of_mlp)))
        for of_scores, of_queries in zip(scores.split(n_queries), queries.of_mlp.split(n_queries), strict=True):
            for row, of_items in zip(
                of_scores.split(PAIRS_CHUNK_SIZE, dim=1), items.of_mlp.split(PAIRS_CHUNK_SIZE), strict=True
            ):
                row += _rest_of_mlp(layers, of_queries.unsqueeze(1) + of_items)
    return module.to_ratings(scores)


@torch.no_grad()
def score_shifted(module, codes: Tensor, shifts: Shifts) -> Tensor:
    """Scores of rows of codes, as `forward` gives them, with some of their vectors and biases shifted."""
    return module.score(*_look_up(module, codes, list(range(codes.shape[1])), shifts))


def _look_up(module, codes: Tensor, columns: list[int], shifts: Shifts | None) -> tuple[Tensor, Tensor]:
    """Vectors, of shape (n_rows, n_columns, width), and summed biases of the codes of some columns."""
    rows = codes + module.first_rows[columns]
    vectors, bias = module.vectors(rows), module.summed_bias(rows)
    for column, (places, shift) in (shifts or {}).items():
        shift = shift.to(vectors)
        vectors[places, columns.index(column)] += shift[:, :-1]
        bias[places] += shift[:, -1]
    return vectors, bias


def _given(shifts: Shifts | None) -> tuple:
    """An argument for networks that take it."""
    return () if shifts is None else (shifts,)


def _linear_layers(module) -> list[nn.Linear]:
    return [layer for layer in module.mlp if isinstance(layer, nn.Linear)]


def _first_layer(module, vectors: Tensor, columns: list[int]) -> Tensor:
    """What some columns add to the first layer."""
    of_mlp = vectors[..., module.gmf_dim :]
    weight = _linear_layers(module)[0].weight.unflatten(1, (len(module.n_ids), -1))[:, columns]
    return of_mlp.flatten(1) @ weight.flatten(1).T


def _rest_of_mlp(layers: list[nn.Linear], hidden: Tensor) -> Tensor:
    for layer in layers:
        hidden = layer(hidden.relu_())
    return hidden.squeeze(-1)
