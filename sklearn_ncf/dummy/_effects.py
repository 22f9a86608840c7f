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
    held : float64 of shape (n_users + 2,), how strongly a user's effect is held to its place, in rows of average
        weight; None where users have no effects
    """

    mean: float
    of_users: np.ndarray
    of_items: np.ndarray
    held: np.ndarray | None = None

    def solve(self, users, scored_as, owners, rows, described=None):
        """How effects of users deviate from those of their codes given further rows; see `FurtherUsers.solve`."""
        if self.held is None:
            return np.zeros((len(users), 1))
        effects, held = (of_users[users + N_SPECIAL] for of_users in (self.of_users, self.held))
        left = rows.targets - self.mean - self.of_items[rows.codes[:, ITEM] + N_SPECIAL] - effects[owners]
        weights = np.ones(len(rows)) if rows.weights is None else rows.weights
        total = held + np.bincount(owners, weights, len(users))
        sums = np.bincount(owners, weights * left, len(users))
        effects = effects + np.divide(sums, total, out=np.zeros_like(total), where=total > 0)
        return (effects - self.of_users[scored_as + N_SPECIAL])[:, None]


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

    @property
    def learns_ratings(self):
        """Whether users have effects, which only ratings tell."""
        return self.effects.held is not None

    def targets(self, ratings):
        """Ratings in the units of the effects, which are the ratings' own."""
        return ratings

    def scores(self, codes, deviations=None):
        """Scores of rows of codes; `deviations` are those of users with further rows."""
        return self._of_queries(codes, deviations) + self._of_items(codes[:, ITEM])

    def grid_scorer(self, items, deviations=None):
        """A function from codes of queries, and their deviations, to their scores with each of some items."""
        of_items = self._of_items(items)
        return lambda queries, deviations=None: self._of_queries(queries, deviations)[:, None] + of_items

    def products(self, items, deviations=None):
        """None: there are no vectors."""

    def _of_queries(self, codes, deviations):
        scores = self.effects.mean + self.effects.of_users[codes[:, USER] + N_SPECIAL]
        if deviations:
            rows, values = deviations[USER]
            scores[rows] += values[:, -1]
        return scores

    def _of_items(self, codes):
        return self.effects.of_items[codes + N_SPECIAL]
