"""GridScorer: scores of every pair of a query and an item, with what pairs share computed once."""

import torch
from torch import Tensor, nn

from sklearn_ncf.nn._embedding_nn import ITEM, pairwise_products
from sklearn_ncf.nn._lists import is_standard

PAIRS_AT_ONCE = 16_384  # larger blocks of hidden units leave the caches


class GridScorer:
    r"""Score queries (a user, with context if there is any) against a list of items.

    A pair's first hidden layer is linear in the concatenated vectors, :math:`W [p, q] + b = W_p p + (W_q q + b)`, so
    each half is computed once for each query or item instead of once for each pair; GMF's products, weighted, are a
    product of two matrices. What is left for each pair are the layers behind the first one. The scores are those of
    the network in evaluation, but for rounding. A network that computes its scores in another way than `EmbeddingNN`,
    a subclass with its own `rate` for instance, is asked for each pair.

    Parameters
    ----------
    module : nn.Module
        The trained network, an `EmbeddingNN` or one that maps the same codes to scores; later changes of its weights
        are not seen.

    items : Tensor of shape (n_items,), int64
        Codes of the items.

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
    def __init__(self, module: nn.Module, items: Tensor) -> None:
        self.module = module
        self.items = items
        self.by_parts = is_standard(module)
        if not self.by_parts:
            return
        self.layers = [] if module.mlp is None else [layer for layer in module.mlp if isinstance(layer, nn.Linear)]
        vectors, bias = self._look_up(items.unsqueeze(1), [ITEM])
        self.item_bias = bias
        if module.gmf_dim:
            self.weighted = (vectors[:, 0, : module.gmf_dim] * module.gmf_weight).T
        if self.layers:
            self.item_hidden = self._first_layer(vectors, [ITEM]) + self.layers[0].bias

    @torch.no_grad()
    def __call__(self, queries: Tensor) -> Tensor:
        """Score every query with every item.

        Parameters
        ----------
        queries : Tensor of shape (n_queries, n_columns - 1), int64
            Codes of all columns but the items.

        Returns
        -------
        Tensor of shape (n_queries, n_items)
            Scores, in rating units.
        """
        module = self.module
        if not self.by_parts:
            return self._by_pairs(queries)
        columns = [column for column in range(len(module.n_ids)) if column != ITEM]
        vectors, bias = self._look_up(queries, columns)
        scores = (bias + module.intercept).unsqueeze(1) + self.item_bias
        if module.gmf_dim:
            of_gmf = vectors[..., : module.gmf_dim]
            scores.addmm_(of_gmf.sum(dim=1), self.weighted)
            if len(columns) > 1:  # the pairs of columns without the item
                scores += (pairwise_products(of_gmf) @ module.gmf_weight).unsqueeze(1)
        if self.layers:
            hidden = self._first_layer(vectors, columns)
            n_queries = max(1, PAIRS_AT_ONCE // max(1, len(self.item_hidden)))
            for of_scores, of_queries in zip(scores.split(n_queries), hidden.split(n_queries), strict=True):
                for row, of_items in zip(
                    of_scores.split(PAIRS_AT_ONCE, dim=1), self.item_hidden.split(PAIRS_AT_ONCE), strict=True
                ):
                    row += self._rest_of_mlp(of_queries.unsqueeze(1) + of_items)
        return module.to_ratings(scores)

    def _by_pairs(self, queries: Tensor) -> Tensor:
        """Scores of the network for a row of codes of each pair."""
        n_items = len(self.items)
        scores = queries.new_empty(len(queries), n_items, dtype=torch.float32)
        n_queries = max(1, PAIRS_AT_ONCE // max(1, n_items))
        for start in range(0, len(queries), n_queries):
            part = queries[start : start + n_queries]
            for first in range(0, n_items, PAIRS_AT_ONCE):
                items = self.items[first : first + PAIRS_AT_ONCE]
                others = part.repeat_interleave(len(items), dim=0)
                codes = torch.cat([others[:, :ITEM], items.repeat(len(part)).unsqueeze(1), others[:, ITEM:]], dim=1)
                rows = slice(start, start + len(part)), slice(first, first + len(items))
                scores[rows] = self.module(codes).view(len(part), len(items))
        return scores

    def _look_up(self, codes: Tensor, columns: list[int]) -> tuple[Tensor, Tensor]:
        """Vectors, of shape (n_rows, n_columns, width), and summed biases of the codes of some columns."""
        rows = codes + self.module.first_rows[columns]
        return self.module.vectors(rows), self.module.summed_bias(rows)

    def _first_layer(self, vectors: Tensor, columns: list[int]) -> Tensor:
        """What some columns add to the first layer."""
        of_mlp = vectors[..., self.module.gmf_dim :]
        weight = self.layers[0].weight.unflatten(1, (len(self.module.n_ids), -1))[:, columns]
        return of_mlp.flatten(1) @ weight.flatten(1).T

    def _rest_of_mlp(self, hidden: Tensor) -> Tensor:
        for layer in self.layers[1:]:
            hidden = layer(hidden.relu_())
        return hidden.squeeze(-1)
