"""AdditiveModel: a fitted baseline, asked by codes as a trained network is."""

from typing import NamedTuple

import numpy as np

from sklearn_ncf.fitting import NO_FEATURES
from sklearn_ncf.interactions import Seen
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER


class Effects(NamedTuple):
    """What a score is the sum of.

    mean : float, in every score
    of_users, of_items : float64 of shape (n_ids + 2,), those of the missing and of the unknown id first
    """

    mean: float
    of_users: np.ndarray
    of_items: np.ndarray


class AdditiveModel(NamedTuple):
    """A sum of effects and what it was learned from; see `FittedModel` for what it is asked.

    effects : the `Effects`
    seen : what the rows of the fit have shown
    features : none, but for the roles of columns
    """

    effects: Effects
    seen: Seen
    features: object = NO_FEATURES
    tells_missing_apart: bool = True

    def scores(self, codes, deviations=None):
        """Scores of rows of codes; there are no `deviations`, since there are no features."""
        return self.effects.mean + self._of_users(codes) + self._of_items(codes[:, ITEM])

    def grid_scorer(self, items, deviations=None):
        """A function from codes of queries to their scores with each of some items."""
        of_items = self._of_items(items)
        return lambda queries, deviations=None: (self.effects.mean + self._of_users(queries))[:, None] + of_items

    def products(self, items, deviations=None):
        """None: there are no vectors."""

    def _of_users(self, codes):
        return self.effects.of_users[codes[:, USER] + N_SPECIAL]

    def _of_items(self, codes):
        return self.effects.of_items[codes + N_SPECIAL]
