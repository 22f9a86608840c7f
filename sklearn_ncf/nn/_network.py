"""Network: what training and scoring ask of a network, and the answer for one that does not say."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from sklearn_ncf.nn._history import History


class Network(nn.Module):
    """The contract of networks. A module with ``forward(codes)`` alone has these methods too, see `of_network`."""

    tells_missing_apart = False  # whether a missing id arrives as -2, not as -1 like an unknown one

    def observe(self, codes: Tensor, n_batches: int, *, storage=None) -> None:
        """Take note of the pairs of users and items in training; see `EmbeddingNN.observe`."""

    def fill_untrained(self, counts: Sequence[Tensor], means: Sequence[Tensor] | None = None) -> None:
        """Give ids without training rows what is known of the others; see `EmbeddingNN.fill_untrained`."""

    def copy_from(self, other: nn.Module) -> None:
        """Take over all that another network of the same kind has learnt."""
        self.load_state_dict(other.state_dict())

    def n_table_rows(self, n_ids: Sequence[int]) -> int:
        """How many rows a table has that `table_rows` numbers."""
        device = next(self.parameters()).device
        return int(self.table_rows(torch.tensor([[n - 1 for n in n_ids]], device=device)).max()) + 1

    def tell_history(self, event: str) -> None:
        """Call the method of that name of the network's `History`, if it has one."""
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


def history_of(module: nn.Module) -> History | None:
    """The network's histories, if it has any."""
    history = getattr(module, "history", None)
    return history if isinstance(history, History) else None


def tells_missing_apart(class_: type) -> bool:
    """Whether networks of a class are given -2 for a missing id."""
    return getattr(class_, "tells_missing_apart", Network.tells_missing_apart)


def says_its_rows(class_: type) -> bool:
    """Whether networks of a class say which rows of their tables they read, as row-wise training needs."""
    return hasattr(class_, "table_rows")
