"""Network: what training and scoring ask of a network, and the answer for one that does not say."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ncf.nn._history import InteractionHistory

USER, ITEM = 0, 1  # columns
PAIRS_CHUNK_SIZE = 16_384  # larger blocks of hidden units leave the caches


class Network(nn.Module):
    """What estimators and `recommend` ask of a network, with answers that hold for any.

    A custom network needs ``forward(codes)`` alone, and may be any ``nn.Module``: methods that it lacks are taken from
    here. Overriding some makes it faster or lets it learn more.

    Attributes
    ----------
    tells_missing_apart : bool
        Whether a missing id arrives as ``-2``, not as ``-1`` like an unknown one.

    Examples
    --------
    A network of two towers, whose lists take one product of matrices:

    >>> import torch
    >>> from sklearn_ncf.nn import GridScorer, Network
    >>> class TwoTowers(Network):
    ...     def __init__(self, n_ids, embedding_dim=4, **others):
    ...         super().__init__()
    ...         self.users, self.items = (torch.nn.Embedding(n + 1, embedding_dim) for n in n_ids[:2])
    ...
    ...     def forward(self, codes):
    ...         return (self.encode_queries(codes[:, :1]) * self.encode_items(codes[:, 1])).sum(1)
    ...
    ...     def encode_queries(self, queries):
    ...         return self.users(queries[:, 0] + 1)
    ...
    ...     def encode_items(self, items):
    ...         return self.items(items + 1)
    ...
    ...     def score_grid(self, queries, items):
    ...         return queries @ items.T
    >>> net = TwoTowers([3, 4])
    >>> scores = GridScorer(net, items=torch.arange(4))(torch.tensor([[2], [0]]))
    >>> bool(torch.isclose(scores[0, 3], net(torch.tensor([[2, 3]]))[0]))
    True
    """

    tells_missing_apart = False

    def set_interactions(self, codes: Tensor, n_batches: int, *, storage=None) -> None:
        """Take note of the pairs of users and items in training; see `EmbeddingNN.set_interactions`."""

    def fill_untrained(self, counts: Sequence[Tensor], means: Sequence[Tensor] | None = None) -> None:
        """Give ids without training rows what is known of the others; see `EmbeddingNN.fill_untrained`."""

    def copy_from(self, other: nn.Module) -> None:
        """Take over all that another network of the same kind has learnt."""
        self.load_state_dict(other.state_dict())

    def can_load_subset(self) -> bool:
        """Whether `partial_fit` may train some ids alone, see `EmbeddingNN.load_subset`; else it trains the network."""
        return False

    def encode_queries(self, queries: Tensor) -> Any:
        """What `score_grid` needs of queries, codes of all columns but the items; computed once for all items."""
        return queries

    def encode_items(self, items: Tensor) -> Any:
        """What `score_grid` needs of items, codes of shape (n_items,); computed once for all queries."""
        return items

    def score_grid(self, queries: Any, items: Any) -> Tensor:
        """Scores of every query with every item, both encoded, of shape (n_queries, n_items); here, pair by pair."""
        n_items = len(items)
        scores = queries.new_empty(len(queries), n_items, dtype=torch.float32)
        n_queries = max(1, PAIRS_CHUNK_SIZE // max(1, n_items))
        for start in range(0, len(queries), n_queries):
            some = queries[start : start + n_queries]
            for first in range(0, n_items, PAIRS_CHUNK_SIZE):
                part = items[first : first + PAIRS_CHUNK_SIZE]
                others = some.repeat_interleave(len(part), dim=0)
                codes = torch.cat([others[:, :ITEM], part.repeat(len(some)).unsqueeze(1), others[:, ITEM:]], dim=1)
                rows = slice(start, start + len(some)), slice(first, first + len(part))
                scores[rows] = self(codes).view(len(some), len(part))
        return scores

    def score_lists(self, codes: Tensor, items: Tensor) -> Tensor:
        """Score rows of codes, and each of them with further items, as `EmbeddingNN.score_lists`, pair by pair."""
        items = torch.cat([codes[:, ITEM, None], items.expand(len(codes), -1)], dim=1)
        rows = codes.unsqueeze(1).repeat(1, items.shape[1], 1)
        rows[..., ITEM] = items
        return self(rows.flatten(0, 1)).view(items.shape)

    def n_table_rows(self, n_ids: Sequence[int]) -> int:
        """How many rows a table has that `table_rows` numbers."""
        device = next(self.parameters()).device
        return int(self.table_rows(torch.tensor([[n - 1 for n in n_ids]], device=device)).max()) + 1

    def tell_history(self, event: str) -> None:
        """Call the method of that name of the network's `InteractionHistory`, if it has one."""
        history = history_of(self)
        if history is not None:
            getattr(history, event)()

    @torch.no_grad()
    def id_parameters(self, name: str, column: int) -> Tensor | None:
        """What the table ``"embedding"``, with histories, or ``"bias"`` holds of a column's ids; None without one."""
        if getattr(self, name, None) is None or not hasattr(self, "column_rows"):
            return None
        rows = self.column_rows(column)
        rows = torch.arange(rows.start, rows.stop, device=next(self.parameters()).device)
        return self.vectors(rows) if name == "embedding" else self.summed_bias(rows.unsqueeze(1))


def of_network(module: nn.Module, name: str) -> Callable:
    """A method of the contract: a network's own, else the default."""
    own = getattr(module, name, None)
    return partial(getattr(Network, name), module) if own is None else own


def history_of(module: nn.Module) -> InteractionHistory | None:
    """The network's histories, if it has any."""
    history = getattr(module, "history", None)
    return history if isinstance(history, InteractionHistory) else None


def tells_missing_apart(class_: type) -> bool:
    """Whether networks of a class are given -2 for a missing id."""
    return getattr(class_, "tells_missing_apart", Network.tells_missing_apart)


def says_its_rows(class_: type) -> bool:
    """Whether networks of a class say which rows of their tables they read, as row-wise training needs."""
    return hasattr(class_, "table_rows")


def score_lists(module: nn.Module, codes: Tensor, items: Tensor, excluded: Tensor) -> Tensor:
    """`EmbeddingNN.score_lists` for any network, with minus infinity where an item is excluded."""
    lists = of_network(module, "score_lists")(codes, items)
    own = excluded.new_zeros(len(excluded), 1)
    return lists.masked_fill(torch.cat([own, excluded], dim=1), -torch.inf)
