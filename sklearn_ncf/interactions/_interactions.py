"""Interactions: encoded rows to train or to validate on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array
from sklearn.model_selection import train_test_split

from sklearn_ncf.nn import ITEM, N_SPECIAL, USER

LARGEST_WEIGHT = 1e9  # of a row: the squares of sums of them should not overflow


@dataclass(frozen=True)
class Interactions:
    """Rows of a table after encoding.

    codes : integer ndarray of shape (n_rows, n_columns); users first, items second
    targets : ndarray of shape (n_rows,), ratings in the network's units, ones for rankings
    weights : ndarray of shape (n_rows,), or None where all rows count the same
    """

    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self):
        return len(self.codes)

    @property
    def n_columns(self):
        """Number of id columns."""
        return self.codes.shape[1]

    @cached_property
    def by_user(self):
        """The weights of each user's items, summed over rows, as a sparse matrix.

        A row per user and a column per item, by their codes, those of missing and unknown ids first.
        """
        weights = np.ones(len(self)) if self.weights is None else self.weights.clip(max=LARGEST_WEIGHT)
        places = tuple(self.codes[:, column].astype(np.int64) + N_SPECIAL for column in (USER, ITEM))
        return coo_array((weights.astype(np.float32), places)).tocsr()

    @cached_property
    def by_item(self):
        """The same with a row per item and a column per user."""
        return self.by_user.T.tocsr()

    def take(self, rows):
        """Some of the rows, by a mask or by their numbers."""
        return Interactions(self.codes[rows], self.targets[rows], None if self.weights is None else self.weights[rows])

    def split(self, validation_fraction, seed):
        """A training set and a validation set, drawn at random."""
        if len(self) < 2:
            raise ValueError(
                f"early_stopping=True needs rows to hold out, but there are n_samples={len(self)}; pass X_val and "
                "y_val or use early_stopping=False."
            )
        parts = train_test_split(np.arange(len(self)), test_size=validation_fraction, random_state=seed)
        return [self.take(rows) for rows in parts]
