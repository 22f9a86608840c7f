"""Batches as slices of tensors that are shuffled once an epoch, where skorch would ask for rows one by one."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sklearn_ncf.training._negatives import Negatives, NegativeSampler


class Ratings(Dataset):
    """Codes, ratings and weights as tensors on the training device, and what draws negatives for them, if needed.

    codes : int64 of shape (n_rows, n_columns). ratings : float32 of shape (n_rows,), in rating units.
    sample_weight : float32 of shape (n_rows,), of mean 1, or None.
    """

    def __init__(
        self,
        codes: np.ndarray,
        ratings: np.ndarray,
        sample_weight: np.ndarray | None = None,
        device: str = "cpu",
        sampler: NegativeSampler | None = None,
    ) -> None:
        self.sampler = sampler
        self.codes = torch.from_numpy(codes).to(device)
        self.ratings = torch.from_numpy(ratings.astype(np.float32)).to(device)
        self.sample_weight = None
        if sample_weight is not None:
            weight = (sample_weight / sample_weight.mean()).astype(np.float32)
            self.sample_weight = torch.from_numpy(weight).to(device)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index) -> tuple[Tensor, Tensor]:
        return self.codes[index], self.ratings[index]


class Batch(tuple):
    """The pair (codes, ratings) that skorch and its callbacks expect, with weights and negatives beside it."""

    sample_weight: Tensor | None
    negatives: Negatives | None

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
        return batch


class BatchIterator:
    """Yield `Ratings` in batches, the last one shorter where the rows do not divide evenly.

    Negatives are drawn afresh for each batch; those of unshuffled rows, which validate, are the same every time.
    """

    def __init__(self, dataset: Ratings, batch_size: int, shuffle: bool = False) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        sampler, generator = self.dataset.sampler, None
        if sampler is not None and not self.shuffle:
            generator = torch.Generator(self.dataset.codes.device).manual_seed(0)
        columns = [self.dataset.codes, self.dataset.ratings, self.dataset.sample_weight]
        if self.shuffle:
            order = torch.randperm(len(self.dataset)).to(self.dataset.codes.device)
            columns = [None if column is None else column[order] for column in columns]
        for start in range(0, len(self.dataset), self.batch_size):
            rows = slice(start, start + self.batch_size)
            batch = [None if column is None else column[rows] for column in columns]
            yield Batch(*batch, None if sampler is None else sampler(batch[0], generator))
