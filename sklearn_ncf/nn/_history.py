"""InteractionHistory: what an id has interacted with, as a vector, at a cost independent of a history's length."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ncf.nn._cold_start import N_SPECIAL
from sklearn_ncf.nn._generators import draws_tables, generator_on

INIT_STD = 0.01
PAIRS_OF_ID = 5  # on average, below which histories are refreshed less often
ROWS_CHUNK_SIZE = 65_536  # of a table to sum up histories for: bounds the memory beside it
PAIRS_CHUNK_SIZE = 2**18  # to put in order


class InteractionHistory(nn.Module):
    r"""Add to each user's vector those of the items rated, to each item's those of its users.

    As in SVD++ (Koren 2008, equation 15), here for both sides: an id :math:`a` with neighbors :math:`N(a)` gets
    :math:`|N(a)|^{-1/2} \sum_{b \in N(a)} y_b` beside the vector of its own, with :math:`y_b` a second vector of each
    id. A pair in training is scored without its own part in either sum (as in FISM, Kabbur et al. 2013), as the pairs
    to predict will be.

    The sums over whole histories cost as much as a pass over all pairs. They are therefore kept, in `summed`, and made
    anew `REFRESHES` times an epoch, when the gradients gathered since then move the vectors :math:`y`; in between a
    row's history costs one look-up. Where ids have few neighbors each, a refresh would cost more than the batches
    between two of them, and there are fewer.

    A sum grows with the root of its number of neighbors, in the direction of their mean. How many there are says
    something of who was there in training, and nothing of an id that has come since: of its neighbors, only the first
    ones are known. `extend` gives it the typical history, in the place of neighbors still missing.

    Parameters
    ----------
    n_rows : int
        Rows of the table of embeddings.

    width : int
        Length of the vectors.

    device, dtype : default=None
        Of the vectors; ``None`` is torch's default.

    References
    ----------
    Koren, Y. (2008). "Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering Model", KDD.

    Kabbur, S., X. Ning, G. Karypis (2013). "FISM: Factored Item Similarity Models for Top-N Recommender Systems", KDD.
    """

    REFRESHES = 10

    def __init__(
        self,
        n_rows: int,
        width: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        weight = torch.empty(n_rows, width, device=device, dtype=dtype)
        if draws_tables():
            weight = weight.normal_(generator=generator_on(weight.device)) * INIT_STD
        self.weight = nn.Parameter(weight)
        self.register_buffer("summed", torch.zeros_like(weight))
        self.register_buffer("counts", weight.new_zeros(n_rows, 1))  # of neighbors
        # of users and of items, by ratings: the mean history without what is particular, and the root of its length
        self.register_buffer("typical", weight.new_zeros(2, width))
        self.register_buffer("typical_root", weight.new_zeros(2, 1))
        self.register_buffer("lift", weight.new_zeros(n_rows, 1))  # share of the typical history that an id was given
        self._share: Tensor | None = None  # of a neighbor in a history, while there is training
        self._scratch: Tensor | None = None
        self.average: Callable[[list[Tensor]], None] | None = None  # over processes that train together, in place

    def set_interactions(self, codes: Tensor, first_rows: Tensor, n_batches: int, *, storage=None) -> None:
        """Take the pairs in training, each once, in codes whose table rows begin with `first_rows`.

        `n_batches` make an epoch. `storage` is that of `EmbeddingNN.set_interactions`.
        """
        weight = self.weight

        def parts():
            return (part.to(weight.device, torch.int64) + first_rows for part in codes.split(PAIRS_CHUNK_SIZE))

        counts = sum(torch.bincount(rows.flatten(), minlength=len(weight)) for rows in parts())
        self._offsets = F.pad(counts.cumsum(0), (1, 0))
        self._neighbors, self._release_pages = _new_neighbors(2 * len(codes), weight.device, storage)
        neighbors = self._neighbors
        free = self._offsets[:-1].clone()  # the next place of each row's neighbors
        for rows in parts():
            for own, others in (rows.unbind(1), rows.flip(1).unbind(1)):
                order = own.argsort(stable=True)
                ids, n = own[order].unique_consecutive(return_counts=True)
                places = torch.arange(len(own), device=own.device) + (free[ids] - n.cumsum(0) + n).repeat_interleave(n)
                neighbors[places] = others[order].int()
                free[ids] += n
            self._release_pages()
        self.counts.copy_(counts.unsqueeze(1))
        self.lift.zero_()
        self._first_item = int(first_rows[1]) - N_SPECIAL
        self._share = self._share_of(self.counts)
        n_refreshes = self.REFRESHES * len(codes) // (PAIRS_OF_ID * max(1, int(counts.count_nonzero())))
        self._interval = max(1, n_batches // min(self.REFRESHES, max(1, n_refreshes)))
        self._of_sums = torch.zeros_like(weight)  # gradients gathered, of the histories
        self._of_weight = torch.zeros_like(weight)  # and of the vectors that were left out of them
        self._n_gathered = 0
        self._refresh()

    @torch.no_grad()
    def extend(self, users: Tensor, items: Tensor) -> None:
        """Take further pairs, none of them taken before, by their table rows; vectors stay as they are."""
        for side, (own, others) in enumerate([(users, items), (items, users)]):
            ids, places = own.unique(return_inverse=True)
            self.summed[ids], self.counts[ids], self.lift[ids] = self._extended(side, ids, places, others)

    @torch.no_grad()
    def extended(self, column: int, ids: Tensor, places: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Histories of some table rows of a column with further neighbors, and a neighbor's share; none is changed.

        `places` says which of the rows each of the neighbors, by their table rows `others`, belongs to.
        """
        summed, counts, _ = self._extended(column, ids, places, others)
        return summed, self._share_of(counts)

    def _extended(self, side: int, ids: Tensor, places: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The rows of `summed`, `counts` and `lift` of some ids with further neighbors."""
        counts, lift, typical = self.counts[ids], self.lift[ids], self.typical[side]
        is_new = counts == 0
        summed = (self.summed[ids] - lift * typical) / self._share_of(counts)
        summed = summed.masked_fill(is_new, 0)  # what stood there was the mean of the others
        n_further = torch.bincount(places, minlength=len(ids))
        ordered, starts = others[places.argsort(stable=True)], n_further.cumsum(0) - n_further
        summed += F.embedding_bag(ordered, self.weight, starts, mode="sum")
        counts += n_further.unsqueeze(1)
        missing = 1 - counts.sqrt() / self.typical_root[side].clamp(min=1e-6)
        lift = missing.clamp(min=0) * (is_new | (lift > 0))
        return summed * self._share_of(counts) + lift * typical, counts, lift

    def freeze(self) -> None:
        """Prepare for a training that leaves the vectors as they are."""
        self.weight.requires_grad_(False)
        self._share = self._share_of(self.counts)

    def forward(self, rows: Tensor) -> Tensor:
        """The histories' vectors of table rows, shape (n, n_columns) to (n, n_columns, width)."""
        vectors = F.embedding(rows, self.summed)
        if not (self.training and torch.is_grad_enabled()) or self._share is None:
            return vectors
        pairs = rows[:, :2]
        self._leave_out(pairs, vectors[:, :2])
        if self.weight.requires_grad:
            vectors.requires_grad_()
            vectors.register_hook(lambda gradient: self.gather(pairs, gradient[:, :2]))
        return vectors

    def add_to(self, vectors: Tensor, rows: Tensor) -> bool:
        """Add the histories' vectors of rows in training in place; returns whether `gather` is to get gradients."""
        vectors += self._rows_of(self.summed, rows)
        if self._share is None:
            return False
        self._leave_out(rows[:, :2], vectors[:, :2])
        return self.weight.requires_grad

    @torch.no_grad()
    def gather(self, pairs: Tensor, gradient: Tensor, of_table: Tensor | None = None) -> None:
        """Take the gradients of pairs' histories, (n, 2, width); `of_table` has their sums by row."""
        if of_table is None:
            self._of_sums.index_add_(0, pairs.flatten(), gradient.flatten(0, 1))
        else:
            self._of_sums += of_table
        share = F.embedding(pairs, self._share).neg_()  # alpha=-1 would take longer
        of_others = torch.mul(gradient, share, out=self._scratch_for(pairs))
        self._of_weight.index_add_(0, pairs.flip(1).flatten(), of_others.flatten(0, 1))
        self._n_gathered += 1

    def look_up(self, rows: Tensor) -> Tensor:
        """The histories' vectors of table rows, of any shape, that stand in no pair: those of negatives."""
        vectors = F.embedding(rows, self.summed)
        if self.training and torch.is_grad_enabled() and self._share is not None and self.weight.requires_grad:
            vectors.requires_grad_()
            vectors.register_hook(lambda gradient: self._gather_negatives(rows, gradient))
        return vectors

    @torch.no_grad()
    def parts(self, rows: Tensor, owners: Tensor, neighbors: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """What the histories' vectors are the sum of, in float64.

        Parameters
        ----------
        rows : int64 Tensor of shape (n_rows,)
            Table rows of a side's ids, which all have neighbors.
        owners, neighbors : int64 Tensors of shape (n_neighbors,)
            Positions among `rows`, and the table rows of the neighbors of each.
        side : int
            0 for users, 1 for items.

        Returns
        -------
        of_neighbors : Tensor of shape (n_neighbors, width)
        of_typical : Tensor of shape (n_rows, width)
            The share of the typical history that stands for neighbors still missing.
        """
        shares = self._share_of(self.counts[rows]).double()
        of_neighbors = F.embedding(neighbors, self.weight).double() * shares[owners]
        return of_neighbors, self.lift[rows].double() * self.typical[side].double()

    def before_step(self) -> None:
        """Give the gradient gathered to the optimizer, where it is time for it."""
        if not self.weight.requires_grad or self._n_gathered < self._interval:
            return
        if self.average is not None:
            self.average([self._of_sums, self._of_weight])
        for rows, summed in self._sums_of(self._of_sums.mul_(self._share)):
            self._of_weight[rows] += summed
        self.weight.grad = self._of_weight.div_(self._n_gathered)

    def after_step(self) -> None:
        """Sum up the histories anew where the optimizer has moved the vectors."""
        if self.weight.grad is not None:
            self.weight.grad = None
            self._refresh()
            self._forget_gradients()

    def end_epoch(self) -> None:
        """Drop what was gathered for a step that would come in the next epoch, and sum up what is typical."""
        if self._share is not None and self.weight.requires_grad:
            self._forget_gradients()
            self._set_typical()

    def end_training(self) -> None:
        """Release what only training needs: the pairs, and tables of gradients."""
        self._release_pages = self._neighbors = self._offsets = self._share = self._of_sums = self._of_weight = None
        self.average = self._scratch = None

    @torch.no_grad()
    def _gather_negatives(self, rows: Tensor, gradient: Tensor) -> None:
        self._of_sums.index_add_(0, rows.flatten(), gradient.flatten(0, -2))

    @torch.no_grad()
    def _leave_out(self, pairs: Tensor, vectors: Tensor) -> None:
        """Take from the histories of pairs what either side is in that of the other, in place."""
        others = self._rows_of(self.weight, pairs.flip(1))
        vectors.addcmul_(others, F.embedding(pairs, self._share), value=-1)

    def _rows_of(self, table: Tensor, rows: Tensor) -> Tensor:
        """Rows of a table, until the next call: a batch's new memory would take longer than what is read into it."""
        found = self._scratch_for(rows)
        torch.index_select(table, 0, rows.flatten(), out=found.flatten(0, -2))
        return found

    def _scratch_for(self, rows: Tensor) -> Tensor:
        """Memory for the vectors of some rows, which lasts until the next call."""
        n, width = rows.numel(), self.weight.shape[1]
        if self._scratch is None or len(self._scratch) < n:
            self._scratch = torch.empty(n, width, dtype=self.weight.dtype, device=self.weight.device)
        return self._scratch[:n].view(*rows.shape, width)

    def _share_of(self, counts: Tensor) -> Tensor:
        return counts.clamp(min=1).rsqrt()

    @torch.no_grad()
    def _refresh(self) -> None:
        for rows, summed in self._sums_of(self.weight):
            self.summed[rows] = summed.mul_(self._share[rows])

    @torch.no_grad()
    def _set_typical(self) -> None:
        sides = slice(self._first_item), slice(self._first_item, None)
        for side, (own, others) in enumerate([sides, sides[::-1]]):
            n_own, n_others = self.counts[own], self.counts[others]
            n_pairs = n_own.sum().clamp(min=1)
            self.typical_root[side] = (n_own * n_own.sqrt()).sum() / n_pairs
            self.typical[side] = self.typical_root[side] * (n_others.T @ self.weight[others])[0] / n_pairs

    def _forget_gradients(self) -> None:
        self._of_sums.zero_()
        self._of_weight.zero_()
        self._n_gathered = 0

    @torch.no_grad()
    def _sums_of(self, table: Tensor):
        """Sums of the rows of a table over each row's neighbors, a slice of rows at a time."""
        for start in range(0, len(table), ROWS_CHUNK_SIZE):
            rows = slice(start, min(start + ROWS_CHUNK_SIZE, len(table)))
            ends = self._offsets[rows.start : rows.stop + 1]
            neighbors = self._neighbors[ends[0] : ends[-1]]
            offsets = (ends - ends[0]).to(neighbors.dtype)
            yield rows, F.embedding_bag(neighbors, table, offsets, mode="sum", include_last_offset=True)
            self._release_pages()


def _new_neighbors(n: int, device: torch.device, storage) -> tuple[Tensor, Callable[[], None]]:
    """A tensor of `n` neighbors, and what releases the memory that holds them, where they are stored elsewhere."""
    if storage is None or device.type != "cpu":
        return torch.empty(n, dtype=torch.int32, device=device), _no_pages
    array = storage.new(n, np.int32)
    return torch.from_numpy(array), partial(storage.release_pages, array)


def _no_pages() -> None:
    """Release nothing."""
