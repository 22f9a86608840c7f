"""Negatives: items that a user has not had, drawn for each batch, never one of the user's own."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ncf.nn import N_SPECIAL
from sklearn_ncf.training._memory import check_memory_of_negatives


class Negatives(NamedTuple):
    """Items beside the positives of a batch.

    items : int64 of shape (n_rows, n_negatives), or of shape (n_negatives,) where all rows share them
    excluded : bool of shape (n_rows, n_negatives)
        Where a row must not be compared with an item, because its user has had it.
    share : float32 of shape (n_rows,)
        How many items each of a row's negatives stands for, if all the user's rows together stand for all items.
    """

    items: Tensor
    excluded: Tensor
    share: Tensor

    def of(self, rows: slice) -> "Negatives":
        """Those of some rows of the batch."""
        return Negatives(
            self.items[rows] if self.items.dim() == 2 else self.items, self.excluded[rows], self.share[rows]
        )


class NegativeSampler:
    r"""Draws items uniformly from those that a user has not had.

    Nothing is drawn and thrown away: with the positives of a user sorted, :math:`p_0 < p_1 < ...`, the :math:`r`-th
    item that is none of them is :math:`r + c`, where :math:`c` positives have :math:`p_i - i \le r`. So a user who has
    nearly everything costs no more than another, and one who has everything gets none.

    Parameters
    ----------
    pairs : int32 array of shape (n_pairs, 2)
        Codes of users and items that belong together, each pair once, sorted.
    items : int64 array of shape (n_items,)
        Codes of the items to draw from, sorted.
    n_negatives : int
        Items to draw for each positive.
    shares : bool
        Whether all positives of a batch share one draw, without replacement.
    device : str
        Where to draw.
    """

    def __init__(self, pairs: np.ndarray, items: np.ndarray, *, n_negatives: int, shares: bool, device: str) -> None:
        self.n_negatives = min(n_negatives, len(items)) if shares else n_negatives
        self.shares = shares
        self.items = torch.from_numpy(items).to(device)
        users, positives = torch.from_numpy(pairs.astype(np.int64)).to(device).unbind(1)
        place = self.items.new_full((max(items.max(), pairs[:, 1].max()) + N_SPECIAL + 1,), -1)
        place[self.items + N_SPECIAL] = torch.arange(len(items), device=device)
        places = place[positives + N_SPECIAL]
        users, self.places = users[places >= 0] + N_SPECIAL, places[places >= 0]
        self.n_had = torch.bincount(users, minlength=1)
        self.first = self.n_had.cumsum(0) - self.n_had
        self.stride = len(items) + 1
        self.keys = users * self.stride + self.places - (torch.arange(len(users), device=device) - self.first[users])

    def __call__(self, codes: Tensor, generator: torch.Generator | None = None) -> Negatives:
        """Draw for a batch of positives, codes of shape (n_rows, n_columns)."""
        users = codes[:, 0] + N_SPECIAL
        known = users < len(self.n_had)
        users = torch.where(known, users, 0)
        n_had = torch.where(known, self.n_had[users], 0)
        drawn = (self._one_draw if self.shares else self._draws)(users, n_had, generator)
        return Negatives(*drawn, len(self.items) / (self.n_negatives * n_had.clamp(min=1).float()))

    def _draws(self, users: Tensor, n_had: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        n_left = (len(self.items) - n_had).unsqueeze(1)
        shape = (len(users), self.n_negatives)
        check_memory_of_negatives(*shape, users.device)
        drawn = (torch.rand(shape, dtype=torch.float64, device=users.device, generator=generator) * n_left).long()
        n_before = torch.searchsorted(self.keys, users.unsqueeze(1) * self.stride + drawn, right=True)
        places = drawn + n_before - self.first[users].unsqueeze(1)
        # a user whom no pair names has had nothing, whatever stands in the places of the first user
        places = torch.where(n_had.unsqueeze(1) > 0, places, drawn)
        excluded = (n_left <= 0).expand(shape)
        return self.items[places.masked_fill(excluded, 0)], excluded

    def _one_draw(self, users: Tensor, n_had: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        device = users.device
        if self.n_negatives == len(self.items):
            drawn = torch.arange(len(self.items), device=device)
        else:
            drawn = torch.randperm(len(self.items), device=device, generator=generator)[: self.n_negatives]
        column = drawn.new_full((len(self.items),), -1)
        column[drawn] = torch.arange(len(drawn), device=device)
        rows = torch.repeat_interleave(n_had)
        had = torch.arange(len(rows), device=device) + (self.first[users] - n_had.cumsum(0) + n_had)[rows]
        columns = column[self.places[had]]
        excluded = torch.zeros(len(users), len(drawn), dtype=torch.bool, device=device)
        excluded[rows[columns >= 0], columns[columns >= 0]] = True
        return self.items[drawn], excluded
