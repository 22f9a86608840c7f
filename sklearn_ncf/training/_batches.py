"""Batches as slices of tensors that are shuffled once an epoch, where skorch would ask for rows one by one."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import generator_on
from sklearn_ncf.storage import blocks_of, storage_of
from sklearn_ncf.training._negatives import Negatives, NegativeSampler
from sklearn_ncf.training._one_process import processes


class InteractionDataset(Dataset):
    """Interactions as tensors on the training device, and what draws negatives for them, if needed.

    Many rows, which come shuffled in blocks, stay where they are and are copied to the device block by block.
    """

    def __init__(
        self, interactions: Interactions, *, device: str = "cpu", sampler: NegativeSampler | None = None
    ) -> None:
        self.interactions = interactions
        codes, weights = interactions.codes, interactions.weights
        self.sampler = sampler
        self.device = device
        self._arrays = [codes, interactions.targets] if weights is None else [codes, interactions.targets, weights]
        self._mean_weight = None if weights is None else weights.mean(dtype=np.float64)
        self._storage = storage_of(*self._arrays)
        self._blocks = blocks_of(len(codes))
        if len(self._blocks) == 1:
            self._tensors = self._brought(slice(None))

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, index) -> tuple[Tensor, Tensor]:
        return tuple(self.columns(index)[:2])

    def columns(self, rows: slice = slice(None)) -> list[Tensor]:
        """Codes (int64), ratings (float32) and, where there are any, weights (float32, of mean 1) of some rows."""
        codes, *others = self._stored(rows)
        return [codes.long(), *others]

    def blocks(self, *, shuffle: bool) -> Iterator[list[Tensor]]:
        """The columns of all rows, block by block, their codes in the type in which they are kept."""
        n_blocks = len(self._blocks)
        for i in _permutation(n_blocks).tolist() if shuffle and n_blocks > 1 else range(n_blocks):
            columns = self._stored(self._blocks[i])
            if shuffle:
                order = _permutation(len(columns[0])).to(columns[0].device)
                columns = [column[order] for column in columns]
            yield columns
            self._storage.release_pages(*self._arrays)

    def _stored(self, rows: slice) -> list[Tensor]:
        return self._brought(rows) if len(self._blocks) > 1 else [column[rows] for column in self._tensors]

    def _brought(self, rows: slice) -> list[Tensor]:
        codes, ratings, *weight = (array[rows] for array in self._arrays)
        columns = [codes, ratings.astype(np.float32)]  # a copy: they may be somebody's own
        columns += [(part / self._mean_weight).astype(np.float32) for part in weight]
        return [torch.from_numpy(column).to(self.device) for column in columns]


class Batch(tuple):
    """The pair (codes, ratings) that skorch and its callbacks expect, with weights and negatives beside it."""

    sample_weight: Tensor | None
    negatives: Negatives | None
    n_rows: int  # of the batch of which this is a process's share

    def __new__(
        cls,
        codes: Tensor,
        ratings: Tensor,
        sample_weight: Tensor | None = None,
        negatives: Negatives | None = None,
    ) -> "Batch":
        batch = super().__new__(cls, (codes, ratings))
        batch.sample_weight = sample_weight
        batch.negatives = negatives
        batch.n_rows = len(codes)
        return batch


class BatchIterator:
    """Yield an `InteractionDataset` in batches, the last one shorter where the rows do not divide evenly.

    Negatives are drawn afresh for each batch; those of unshuffled rows, which validate, are the same every time. Of
    several processes that train together, each gets its share of every shuffled batch.
    """

    def __init__(self, dataset: InteractionDataset, batch_size: int, shuffle: bool = False) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        sampler, device = self.dataset.sampler, self.dataset.device
        generator, together = generator_on(device), processes()
        if sampler is not None and not self.shuffle:
            generator = torch.Generator(device).manual_seed(0)
        for codes, *others in self._slices():
            codes = codes.long()
            n_rows = len(codes)
            rows = together.local_slice(n_rows) if self.shuffle else slice(n_rows)
            batch = Batch(*(column[rows] for column in (codes, *others)))
            if sampler is not None:
                batch.negatives = sampler(codes, generator).of(rows)
            batch.n_rows = n_rows
            yield batch

    def _slices(self) -> Iterator[list[Tensor]]:
        """Columns of `batch_size` rows each; what a block leaves over goes before the next one."""
        rest = []
        for columns in self.dataset.blocks(shuffle=self.shuffle):
            n_rows, first = len(columns[0]), 0
            if rest:
                first = min(self.batch_size - len(rest[0]), n_rows)
                rest = [torch.cat([left, column[:first]]) for left, column in zip(rest, columns, strict=True)]
                if len(rest[0]) < self.batch_size:
                    continue
                yield rest
            end = first + (n_rows - first) // self.batch_size * self.batch_size
            for start in range(first, end, self.batch_size):
                yield [column[start : start + self.batch_size] for column in columns]
            rest = [column[end:].clone() for column in columns] if end < n_rows else []
        if rest:
            yield rest


def _permutation(n: int) -> Tensor:
    return torch.randperm(n, device="cpu", generator=generator_on("cpu"))
