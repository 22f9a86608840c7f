"""Scores of rankings: of all candidates for each user, or of each positive among sampled items."""

from functools import partial

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING
from sklearn_ncf.lists import METRICS, BestOfLists, Rankings, places_among
from sklearn_ncf.metrics._list_values import diversities, novelties, self_information, unit_vectors
from sklearn_ncf.nn import ITEM, USER

LIST_METRICS = ("coverage", "diversity", "novelty")  # of lists, whatever is relevant


def score_full_rankings(rows, missed, metrics, cut_offs):
    """Each metric at each cut-off, of one list of all candidates per user, with context if there is any.

    rows : `EncodedRows` or `ForeignRows`, each a positive
    missed : which of them have an item that is no candidate
    """
    # Two unknown users are two lists, and two unknown items two candidates, though they may have one code.
    others = np.delete(rows.distinct, ITEM, axis=1)
    _, first, owners = np.unique(others, axis=0, return_index=True, return_inverse=True)
    owners = owners.ravel()
    missed_pairs = np.unique(np.stack([owners[missed], rows.distinct[missed, ITEM]], axis=1), axis=0)

    positives, listed = rows.codes[~missed, ITEM], rows.distinct[~missed, ITEM]
    columns, known = places_among(rows.items, positives)
    unknown = ~known
    _, first_of_unknown, number = np.unique(listed[unknown], return_index=True, return_inverse=True)
    columns[unknown] = len(rows.items) + number.ravel()
    candidates = np.append(rows.items, positives[unknown][first_of_unknown])
    of_candidates = np.append(np.full(len(rows.items), MISSING), np.flatnonzero(~missed)[unknown][first_of_unknown])

    seen_users = rows.own_codes(USER, rows.codes[first, USER])
    seen_items = rows.own_codes(ITEM, candidates)
    measures = _list_measures(rows, candidates, of_candidates, seen_items, metrics)
    rankings = Rankings(
        scorer=rows.grid_scorer(first, candidates, of_candidates),
        seen=lambda block: rows.seen.among(seen_users[block], seen_items),
        n_candidates=len(candidates),
        owners=owners[~missed],
        columns=columns,
        n_missed=np.bincount(missed_pairs[:, 0], minlength=len(first)),
    )
    return _scores_of_blocks(rankings, metrics, cut_offs, measures)


def score_sampled_rankings(rows, missed, metrics, cut_offs, *, n_negatives, rng):
    """Each metric at each cut-off, of one list per positive: itself and sampled items."""
    users, owners = np.unique(rows.codes[:, USER], return_inverse=True)
    by_user = np.argsort(owners.ravel(), kind="stable")
    rows_of_users = np.split(by_user, np.cumsum(np.bincount(owners.ravel()))[:-1])
    of_users, seen_items = rows.seen.items_of(rows.own_codes(USER, users))
    order = np.argsort(of_users, kind="stable")
    had_by_users = np.split(seen_items[order], np.cumsum(np.bincount(of_users, minlength=len(users)))[:-1])

    own_codes = rows.own_codes(ITEM, rows.codes[:, ITEM])
    lists = np.full((len(rows.codes), 1 + n_negatives), MISSING)
    listed = np.zeros(lists.shape, dtype=bool)
    for of_user, had in zip(rows_of_users, had_by_users, strict=True):
        choice = np.setdiff1d(rows.items, np.concatenate([had, rows.codes[of_user, ITEM]]))
        seen = (own_codes[of_user] >= 0) & np.isin(own_codes[of_user], had)
        for row in of_user[~seen & ~missed[of_user]]:
            drawn = np.append(rows.codes[row, ITEM], rng.permutation(choice)[:n_negatives])
            lists[row, : len(drawn)], listed[row, : len(drawn)] = drawn, True
    numbers, places = np.nonzero(listed)
    scores = np.full(lists.shape, -np.inf)
    if len(numbers):  # features of the positive are its own, not those of others
        scores[listed] = rows.scores_of(numbers, lists[listed], np.where(places == 0, numbers, MISSING))
    relevance = np.zeros(lists.shape)
    relevance[:, 0] = 1
    ranked = listed[:, 1:].any(axis=1) | missed
    check_ranked(ranked)
    best = BestOfLists.of(relevance, scores, max(cut_offs))
    return {(name, k): float(METRICS[name](best, k)[ranked].mean()) for name in metrics for k in cut_offs}


def check_ranked(ranked):
    """Refuse rankings of which none has a positive."""
    if not ranked.any():
        raise ValueError(
            "No positive is left to rank: all were seen in fit, or their users have interacted with every item."
        )


def _list_measures(rows, candidates, of_candidates, seen_items, metrics):
    """A function from recommendations to values of their lists, by the name of the metric."""
    measures = {}
    if "novelty" in metrics:
        pairs = rows.seen.all_pairs()
        pairs = pairs[(pairs >= 0).all(axis=1)]
        n_users_of_codes = np.append(np.bincount(pairs[:, ITEM], minlength=candidates.max() + 1), 0)  # the last: of -1
        information = self_information(n_users_of_codes[seen_items], len(pd.unique(pairs[:, USER])))
        measures["novelty"] = partial(novelties, information=information)
    if "diversity" in metrics:
        units = unit_vectors(rows.item_vectors(candidates, of_candidates))
        measures["diversity"] = partial(diversities, units=units)
    return measures


def _scores_of_blocks(rankings, metrics, cut_offs, measures):
    """Each metric at each cut-off, of rankings that are scored a block at a time, each list once."""
    n_lists = len(rankings.n_missed)
    ranked = np.zeros(n_lists, dtype=bool)
    values = {(name, k): np.zeros(n_lists) for name in metrics if name != "coverage" for k in cut_offs}
    covered = {k: np.zeros(rankings.n_candidates, dtype=bool) for k in cut_offs if "coverage" in metrics}
    for block, best, has_positive in rankings.blocks(max(cut_offs)):
        ranked[block] = has_positive
        for k in cut_offs:
            within = best.ranks <= k
            lists, items = best.rows[within], best.columns[within]
            if k in covered:
                covered[k][items] = True
            for name in metrics:
                if name in METRICS:
                    values[name, k][block] = METRICS[name](best, k)
                elif name in measures:
                    values[name, k][block] = measures[name](lists, items, best.n_rows)
    if not set(metrics) <= set(LIST_METRICS):
        check_ranked(ranked)
    scores = {("coverage", k): float(items.mean()) for k, items in covered.items()}
    for (name, k), of_lists in values.items():
        counted = of_lists[~np.isnan(of_lists) if name in measures else ranked]
        if not len(counted):
            raise ValueError("No item is left to recommend: the users have interacted with every item.")
        scores[name, k] = float(counted.mean())
    return scores
