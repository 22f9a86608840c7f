"""FittedModel: what a fit has learned, asked by codes. The one door for lists, metrics, export and pictures."""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from sklearn_ncf.fitting._features import NO_FEATURES, Features
from sklearn_ncf.fitting._ratings import clipped
from sklearn_ncf.fitting._units import ORDINARY, from_units, to_units
from sklearn_ncf.interactions import Seen
from sklearn_ncf.nn import ITEM, USER, GridScorer, default_settings, tells_missing_apart
from sklearn_ncf.training import RatingObjective, as_tensors, predict_ratings


class FittedModel(NamedTuple):
    """A trained network and what it was trained on.

    net : the skorch net
    seen : what the rows of all fits have shown
    units : offset and scale of the network's scores
    of_unknown : score of a row with neither a known user nor a known item, in the network's units, or None for its own
    features : what was learned of features
    """

    net: object
    seen: Seen
    units: tuple[float, float] = ORDINARY
    of_unknown: float | None = None
    features: Features = NO_FEATURES

    @property
    def tells_missing_apart(self):
        """Whether a missing id has the code -2, not that of an unknown one."""
        return tells_missing_apart(self.net.module)

    @property
    def learns_ratings(self):
        """Whether it was fitted to ratings, and not to positives."""
        return issubclass(self.net.criterion, RatingObjective)

    def targets(self, ratings):
        """Ratings in the network's units; `UserWarning` where some leave the range of predictions, and are clipped."""
        output_range = self.net.module__output_range
        if output_range is not None:
            ratings = clipped(ratings, [float(from_units(bound, self.units)) for bound in output_range])
        return to_units(ratings, self.units)

    def scores(self, codes, deviations=None):
        """Scores of rows of codes, of shape (n_rows, n_columns); `deviations` are those of unknown ids."""
        deviations = deviations or {}
        shifts_of = partial(self.shifts_within, deviations) if deviations else None
        scores = predict_ratings(self.net, codes, shifts_of)
        knows = (self._knows(column, codes[:, column], deviations) for column in (USER, ITEM))
        return self._finished(scores, *knows)

    @default_settings()
    def grid_scorer(self, items, deviations=None):
        """A function from codes of queries, in all columns but the items', to their scores with each of some items.

        `deviations` are those of unknown items; the function takes those of queries.
        """
        device = self.net.device
        shifts = self.shifts_within(deviations or {}, slice(0, len(items)))
        of_network = GridScorer(self.net.module_.eval(), torch.from_numpy(items).to(device), shifts=shifts)
        knows_item = self._knows(ITEM, items, deviations)

        @default_settings()
        def scorer(queries, deviations=None):
            shifts = self.shifts_within(deviations or {}, slice(0, len(queries)))
            scores = _as_numpy(of_network(torch.from_numpy(queries).to(device), shifts=shifts))
            return self._finished(scores, self._knows(USER, queries[:, USER], deviations)[:, None], knows_item)

        return scorer

    @default_settings()
    def products(self, items, deviations=None):
        """The `Products` that scores with some items are, None where they are none; see `grid_scorer`."""
        shifts = self.shifts_within(deviations or {}, slice(0, len(items)))
        scorer = GridScorer(self.net.module_.eval(), torch.from_numpy(items).to(self.net.device), shifts=shifts)
        vectors = scorer.item_vectors()
        return None if vectors is None else Products(self, scorer, _as_numpy(vectors))

    def item_vectors(self, codes, deviations):
        """The vectors of some items, of unknown ones with their features."""
        module = self.net.module_
        rows = torch.from_numpy(codes).to(self.net.device) + module.first_rows[ITEM]
        with torch.no_grad():
            vectors = _as_numpy(module.vectors(rows.unsqueeze(1))[:, 0])
        for places, values in deviations.values():
            vectors[places] += values[:, :-1]
        return vectors

    def shifts_within(self, deviations, rows):
        """Deviations in a slice of the rows as the network takes them; None where no network is to be asked for any."""
        if not deviations and not self.features.descriptions:
            return None
        parts = {column: of_column.within(rows) for column, of_column in deviations.items()}
        return {column: tuple(as_tensors(part, self.net.device)) for column, part in parts.items() if len(part.rows)}

    def _knows(self, column, codes, deviations):
        """Which codes of a column stand for ids of which something is known."""
        known = self.seen.trained(column, codes)
        if deviations and column in deviations:
            known[deviations[column].rows] = True
        return known

    def nothing_known(self, codes, deviations):
        """Which rows of codes have neither a known user nor a known item, where that decides their score."""
        if self.of_unknown is None:
            return np.zeros(len(codes), dtype=bool)
        knows_user, knows_item = (self._knows(column, codes[:, column], deviations) for column in (USER, ITEM))
        return ~(knows_user | knows_item)

    def _finished(self, scores, knows_user, knows_item):
        if self.of_unknown is not None:
            scores[~(knows_user | knows_item)] = self.of_unknown
        return from_units(scores, self.units)


class Products(NamedTuple):
    """Scores that are inner products of a query's and an item's vector, but for what keeps their order.

    items : float32 of shape (n_items, width), the last component the bias
    """

    fitted: FittedModel
    scorer: GridScorer
    items: np.ndarray

    @default_settings()
    def of_queries(self, queries, deviations=None):
        """Vectors of queries, float32 of shape (n_queries, width), and what `scores` adds for each of them.

        `queries` are codes in all columns but the items', `deviations` those of unknown ones.
        """
        shifts = self.fitted.shifts_within(deviations or {}, slice(0, len(queries)))
        queries = torch.from_numpy(queries).to(self.fitted.net.device)
        vectors, added = self.scorer.query_vectors(queries, shifts=shifts)
        return _as_numpy(vectors), _as_numpy(added)

    def with_items(self, vector):
        """Products of one query's vector with those of the items, by torch: slower than numpy where these are many."""
        return (torch.from_numpy(self.items) @ torch.from_numpy(vector)).numpy()

    @default_settings()
    def scores(self, products):
        """Scores, as `predict` gives them, from products and what was added to them."""
        products = torch.from_numpy(products).to(self.fitted.net.device)
        return from_units(_as_numpy(self.scorer.to_scores(products)), self.fitted.units)


def _as_numpy(values):
    return values.float().cpu().numpy()
