"""FittedModel: what a fit has learned, asked by codes. The one door for lists, metrics, export and pictures."""

from typing import NamedTuple

import torch

from sklearn_ncf.fitting._units import ORDINARY, from_units
from sklearn_ncf.interactions import Seen
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER, GridScorer, default_settings
from sklearn_ncf.training import predict_ratings


class FittedModel(NamedTuple):
    """A trained network and what it was trained on.

    net : the skorch net
    seen : what the rows of all fits have shown
    units : offset and scale of the network's scores
    of_unknown : score of a row with neither a known user nor a known item, in the network's units, or None for its own
    """

    net: object
    seen: Seen
    units: tuple[float, float] = ORDINARY
    of_unknown: float | None = None

    def scores(self, codes):
        """Scores of rows of codes, of shape (n_rows, n_columns)."""
        scores = predict_ratings(self.net, codes)
        trained = (self.seen.trained(column, codes[:, column]) for column in (USER, ITEM))
        return self._finished(scores, *trained)

    @default_settings()
    def grid_scorer(self, items):
        """A function from codes of queries, in all columns but the items', to their scores with each of some items."""
        device = self.net.device
        of_network = GridScorer(self.net.module_.eval(), torch.from_numpy(items).to(device))
        trained_items = self.seen.trained(ITEM, items)

        @default_settings()
        def scorer(queries):
            scores = of_network(torch.from_numpy(queries).to(device)).float().cpu().numpy()
            return self._finished(scores, self.seen.trained(USER, queries[:, USER])[:, None], trained_items)

        return scorer

    def n_rows_of(self, column, codes):
        """Weight of the training rows of some ids of a column."""
        return self.seen.counts[column][codes + N_SPECIAL]

    def _finished(self, scores, knows_user, knows_item):
        if self.of_unknown is not None:
            scores[~(knows_user | knows_item)] = self.of_unknown
        return from_units(scores, self.units)
