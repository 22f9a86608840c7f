"""Seen: what training rows have shown of each id, and which users and items came together."""

import numpy as np

from sklearn_ncf.nn import N_SPECIAL

NO_PAIRS = np.empty((0, 2), dtype=np.int32)


class Seen:
    """What has been learnt from, kept compactly: numbers per id, and pairs of codes.

    counts, sums : per column, float32 of shape (n_ids + 2,)
        Weight of the training rows of each id, and the sum of their targets; the missing and the unknown id first.
    pairs : int32 of shape (n_pairs, 2)
        Users and items that training rows join, each pair once, in sorted order.
    held_out : int32 of shape (n_pairs, 2)
        The same of rows that validated.
    """

    def __init__(self):
        self.counts = self.sums = ()
        self.pairs = self.held_out = NO_PAIRS

    def with_rows(self, codes, targets, weight, n_ids):
        """What is seen after further training rows, of encoded ids of which each column has `n_ids`."""
        weight = np.ones(len(codes)) if weight is None else weight / weight.mean()
        seen = Seen()
        seen.counts = _added(self.counts, codes, weight, n_ids)
        seen.sums = _added(self.sums, codes, weight * targets, n_ids)
        seen.pairs = _distinct(np.concatenate([self.pairs, codes[:, :2]]))
        seen.held_out = self.held_out
        return seen

    def with_held_out(self, codes):
        """What is seen where further rows were held out."""
        seen = Seen()
        vars(seen).update(vars(self), held_out=_distinct(np.concatenate([self.held_out, codes[:, :2]])))
        return seen

    def without_held_out(self):
        """What is seen in training alone."""
        seen = Seen()
        vars(seen).update(vars(self), held_out=NO_PAIRS)
        return seen

    def part(self, ids):
        """What is seen of some ids of each column, which become 0, 1, ...; pairs that name others are left out."""
        part = Seen()
        part.counts, part.sums = (
            [
                np.append(np.zeros(N_SPECIAL, np.float32), column[taken + N_SPECIAL])
                for column, taken in zip(known, ids, strict=True)
            ]
            for known in (self.counts, self.sums)
        )
        pairs = np.stack([_place_among(taken, self.pairs[:, j]) for j, taken in enumerate(ids[:2])], axis=1)
        part.pairs = _distinct(pairs[(pairs >= 0).all(axis=1)])
        return part

    def means(self):
        """Mean target of each id of each column; 0 where there is none."""
        tiny = np.finfo(np.float32).tiny
        return [sums / np.maximum(counts, tiny) for sums, counts in zip(self.sums, self.counts, strict=True)]

    def trained(self, column, codes):
        """Which codes of a column stand for ids that had training rows."""
        return self.counts[column][codes + N_SPECIAL] > 0

    def pairs_not_in(self, other):
        """The training pairs that another one does not have."""
        n_items = int(max(self.pairs[:, 1].max(initial=0), other.pairs[:, 1].max(initial=0))) + N_SPECIAL + 1
        return self.pairs[~np.isin(_keys(self.pairs, n_items), _keys(other.pairs, n_items), assume_unique=True)]

    def items_of(self, users):
        """Items that came together with each of some users, held out or not.

        Returns two arrays, positions among `users` and codes of items.
        """
        found = []
        for pairs in (self.pairs, self.held_out):
            first = np.searchsorted(pairs[:, 0], users, side="left")
            n_items = np.searchsorted(pairs[:, 0], users, side="right") - first
            positions = np.repeat(np.arange(len(users)), n_items)
            rows = np.arange(len(positions)) + np.repeat(first - (np.cumsum(n_items) - n_items), n_items)
            found.append((positions, pairs[rows, 1]))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def among(self, users, items):
        """Where pairs of what came together lie in a grid of codes of users and items: rows and columns.

        The code -1, of unknown users and items, stands in no pair.
        """
        rows, found = self.items_of(users)
        known = items >= 0
        columns = _place_among(items[known], found)
        in_grid = (columns >= 0) & (found >= 0)
        return rows[in_grid], np.flatnonzero(known)[columns[in_grid]]

    def all_pairs(self):
        """Users and items that came together, held out or not."""
        return _distinct(np.concatenate([self.pairs, self.held_out]))


def _place_among(ids, codes):
    """The place of each code among ids, -1 where it is none of them."""
    place = np.full(max(ids.max(initial=0), codes.max(initial=0)) + N_SPECIAL + 1, -1)
    place[ids + N_SPECIAL] = np.arange(len(ids))
    return place[codes + N_SPECIAL]


def _added(known, codes, values, n_ids):
    """Sums per id of each column, with those of further rows; ids may have been added."""
    added = []
    for column, n in enumerate(n_ids):
        sums = np.bincount(codes[:, column] + N_SPECIAL, weights=values, minlength=n + N_SPECIAL)
        if known:
            sums[: len(known[column])] += known[column]
        added.append(sums.astype(np.float32))
    return added


def _keys(pairs, n_items):
    """A number for each pair, in the order of the pairs."""
    return (pairs[:, 0].astype(np.int64) + N_SPECIAL) * n_items + pairs[:, 1] + N_SPECIAL


def _distinct(pairs):
    """Each pair once, sorted: int32 of shape (n_pairs, 2)."""
    if not len(pairs):
        return NO_PAIRS
    n_items = int(pairs[:, 1].max()) + N_SPECIAL + 1
    keys = np.sort(_keys(pairs, n_items))
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    return (np.stack(np.divmod(keys, n_items), axis=1) - N_SPECIAL).astype(np.int32)
