"""What the score of a row is the sum of: each interaction of its user, biases, features, and what is left."""

from typing import NamedTuple

import numpy as np
import torch

from sklearn_ncf.fitting._units import ORDINARY, from_units
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import ITEM, USER, ScoreSum, default_settings, is_sum

NUMBERS_CHUNK_SIZE = 2**24  # of the vectors that users' interactions stand for: bounds the memory
BIASES = {USER: "user bias", ITEM: "item bias"}
FEATURES = {USER: "user feature", ITEM: "item feature"}
# In the order in which a row's contributions are listed.
KINDS = (
    "mean rating",
    "intercept",
    "user bias",
    "item bias",
    "context",
    "interaction",
    "user vector",
    "average user",
    "average history",
    "user feature",
    "item feature",
    "pair",
    "remainder",
    "rating range",
)


class Term(NamedTuple):
    """Contributions of one kind.

    values : float64 of shape (n,)
    rows : the row of each
    items : codes of the items of interactions, else None
    name : what contributed: the name of a feature's column, the number of a column, or those of two
    """

    kind: str
    values: np.ndarray
    rows: np.ndarray
    items: np.ndarray | None = None
    name: object = None


@default_settings()
def explain_rows(fitted, solver, X, codes, deviations, is_one_user):
    """The `Term`s that sum to the scores of a table's rows; None where scores are no such sums.

    X : table in the columns of `fit`; codes, deviations : what `encode_table` makes of it
    solver : what fitted the network, None where gradients did
    is_one_user : for each row whether its code stands for one user; else interactions are those of several
    """
    module = fitted.net.module_.eval()
    if not is_sum(module):
        return None
    nothing_known, terms = fitted.nothing_known(codes, deviations), []
    if nothing_known.any():
        rows = np.flatnonzero(nothing_known)
        terms.append(Term("mean rating", np.full(len(rows), from_units(fitted.of_unknown, fitted.units)), rows))
    pairs = fitted.seen.pairs
    explained = _Explained(fitted, solver, Interactions(pairs, np.ones(len(pairs)), fitted.seen.weights))
    users, of_rows = np.unique(codes[:, USER], return_inverse=True)
    n_pairs = np.diff([np.searchsorted(pairs[:, 0], users, side) for side in ("left", "right")], axis=0)[0]
    chunks = (n_pairs.cumsum() * module.gmf_dim // NUMBERS_CHUNK_SIZE)[of_rows.ravel()]
    for chunk in np.unique(chunks):
        rows = np.flatnonzero((chunks == chunk) & ~nothing_known)
        if len(rows):
            terms += explained.terms(X, codes, rows, deviations, is_one_user)
    return terms


class _Explained(NamedTuple):
    """A fitted model, what fitted it, and the pairs that it was fitted to."""

    fitted: object
    solver: object
    interactions: Interactions

    def terms(self, X, codes, rows, deviations, is_one_user):
        """The terms of some rows of a table."""
        fitted = self.fitted
        score = ScoreSum.of(fitted.net.module_, torch.from_numpy(codes[rows]).to(fitted.net.device))
        vectors, found = score.vectors.numpy(), _Terms(rows, fitted.units)
        features, shifts = {}, {}
        for side, of_side in deviations.items():
            described = of_side.rows[np.isin(of_side.rows, rows)]
            features[side] = fitted.features.deviations_by_column(X, side, described)
            shifts[side] = np.zeros_like(vectors[:, side])
            for _, (_, values) in features[side]:
                shifts[side][np.searchsorted(rows, described)] += values[:, :-1]
        weights = score.weights({side: torch.from_numpy(shift) for side, shift in shifts.items()}).numpy()

        if score.intercept or fitted.units != ORDINARY:
            found.add("intercept", np.full(len(rows), score.intercept))
        for column in range(codes.shape[1] if score.biases is not None else 0):
            name = None if column in BIASES else column
            found.add(BIASES.get(column, "context"), score.biases[:, column].numpy(), name=name)
        for first, second in score.context_pairs():
            values = (vectors[:, first] * vectors[:, second] * weights).sum(axis=1)
            found.add("pair", values, name=(first, second))
        for side, of_side in features.items():
            partners = [vectors[:, other] for other in score.partners(side)]
            if side == ITEM and USER in shifts:
                partners.append(shifts[USER])
            slopes = sum(partners) * weights
            for name, (described, values) in of_side:
                places = np.searchsorted(rows, described)
                added = (slopes[places] * values[:, :-1]).sum(axis=1) + score.scale * values[:, -1]
                found.add(FEATURES[side], added, places, name=name)

        has_parts = is_one_user[rows] & fitted.seen.trained(USER, codes[rows, USER])
        if USER in deviations:
            has_parts &= ~np.isin(rows, deviations[USER].rows)
        slopes = vectors[:, ITEM] * weights
        self._add_user(found, codes[rows, USER], vectors[:, USER], slopes, has_parts)
        if score.module.output_link is not None:
            found.add("rating range", score.bend(torch.from_numpy(found.total)).numpy())
        return found.terms

    def _add_user(self, found, codes, vectors, slopes, has_parts):
        """Add what the users' vectors contribute, part by part where they have parts."""
        whole = np.flatnonzero(~has_parts)
        found.add("user vector", (vectors[whole] * slopes[whole]).sum(axis=1), whole)
        places = np.flatnonzero(has_parts)
        if not len(places):
            return
        users, firsts, owners = np.unique(codes[places], return_index=True, return_inverse=True)
        owners, vectors = owners.ravel(), vectors[places[firsts]]
        parts = self._solved_parts(users, vectors)
        if parts is None:
            parts = self._parts_with_history(users, vectors)
        of_interactions, of_users = parts
        for kind, name, of_kind in of_users:
            values = (of_kind[owners] * slopes[places]).sum(axis=1)
            given = of_kind.any(axis=1)[owners]
            found.add(kind, values[given], places[given], name=name)
        if of_interactions is None:
            return
        of_pairs, items, of_items = of_interactions
        ends = np.searchsorted(of_pairs, np.arange(len(users) + 1))
        order = np.argsort(owners, kind="stable")
        rows_of_users = np.split(places[order], np.flatnonzero(np.diff(owners[order])) + 1)
        for first, last, rows in zip(ends[:-1], ends[1:], rows_of_users, strict=True):
            values = slopes[rows] @ of_items[first:last].T
            n_items = last - first
            found.add("interaction", values.ravel(), np.repeat(rows, n_items), np.tile(items[first:last], len(rows)))

    def _solved_parts(self, users, vectors):
        """The parts of vectors that a solver has found; None where there is none, or it does not say."""
        fitted = self.fitted
        codes = users.astype(np.int64)
        parts = self.solver and self.solver.user_parts(fitted.net.module_, self.interactions, codes)
        if parts is None:
            return None
        owners, items, of_items, of_average = (part.cpu().numpy() for part in parts)
        of_users = [("average user", None, of_average)]
        drawn = fitted.features.drawn_by_column(USER, codes, fitted.seen)
        of_users += [("user feature", name, of_feature) for name, of_feature in drawn]
        remainder = vectors - sum(of_kind for *_, of_kind in of_users)
        np.subtract.at(remainder, owners, of_items)
        return (owners, items, of_items), [*of_users, ("remainder", None, remainder)]

    def _parts_with_history(self, users, vectors):
        """The parts of vectors that gradients have found: with histories those of interactions, and their own."""
        module, seen = self.fitted.net.module_, self.fitted.seen
        if module.history is None:
            return None, [("user vector", None, vectors)]
        owners, items = seen.without_held_out().items_of(users)
        rows, neighbors, places = (
            torch.from_numpy(part.astype(np.int64)).to(self.fitted.net.device) for part in (users, items, owners)
        )
        rows, neighbors = rows + module.first_rows[USER], neighbors + module.first_rows[ITEM]
        of_items, typical = module.history.parts(rows, places, neighbors, USER)
        own = module.embedding.weight[rows].detach().double().cpu().numpy()
        of_users = [("user vector", None, own), ("average history", None, typical.cpu().numpy())]
        return (owners, items, of_items.cpu().numpy()), of_users


class _Terms:
    """Terms of some rows, in the units of predictions, and what they sum up to in the network's."""

    def __init__(self, rows, units):
        self.rows, self.units = rows, units
        self.terms, self.total = [], np.zeros(len(rows))

    def add(self, kind, values, places=None, items=None, *, name=None):
        """Add values at places among the rows, None for all of them."""
        places = np.arange(len(self.rows)) if places is None else places
        if not len(places):
            return
        np.add.at(self.total, places, values)
        offset, scale = self.units
        in_units = offset * (kind == "intercept") + scale * np.asarray(values, dtype=np.float64)
        self.terms.append(Term(kind, in_units, self.rows[places], items, name))
