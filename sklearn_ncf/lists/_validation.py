"""The rank of held-out positives while a net is trained, to choose its best epoch."""

import numpy as np

from sklearn_ncf.fitting import FittedModel
from sklearn_ncf.lists._ranking import METRICS, Rankings, places_among
from sklearn_ncf.nn import ITEM, USER

K = 10  # of the metrics


def validation_score(metric, seen, codes):
    """A function of a net: a metric at `K` of rankings of held-out codes, the mean over users; None if undefined.

    seen : `Seen` of the training set
    """
    items = seen.items()
    queries, owners = np.unique(np.delete(codes, ITEM, axis=1), axis=0, return_inverse=True)
    owners = owners.ravel()
    columns, known = places_among(items, codes[:, ITEM])  # what is no candidate is a miss
    if not (known & ~seen.contain(codes)).any():
        return None

    def score(net):
        scorer = FittedModel(net, seen).grid_scorer(items)
        rankings = Rankings(
            scorer=lambda rows: scorer(queries[rows]),
            seen=lambda rows: seen.among(queries[rows, USER], items),
            n_candidates=len(items),
            owners=owners[known],
            columns=columns[known],
            n_missed=np.bincount(owners[~known], minlength=len(queries)),
        )
        values = [METRICS[metric](best, K)[ranked] for _, best, ranked in rankings.blocks(K)]
        return float(np.concatenate(values).mean())

    return score
