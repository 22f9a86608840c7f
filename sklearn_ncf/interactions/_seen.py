"""Seen: what training rows have shown of each id, and which users and items came together."""

import numpy as np

from sklearn_ncf.nn import ITEM, N_SPECIAL
from sklearn_ncf.storage import parts_of, storage_of

NO_PAIRS = np.empty((0, 2), dtype=np.int32)


class Seen:
    """What has been learnt from, kept compactly: numbers per id, and pairs of codes.

    counts, sums : per column, float32 of shape (n_ids + 2,)
        Weight of the training rows of each id, and the sum of their targets; the missing and the unknown id first.
    pairs : int32 of shape (n_pairs, 2)
        Users and items that training rows join, each pair once, in sorted order; on disk, where the rows are, until
        `in_memory`.
    weights : float32 of shape (n_pairs,), or None
        Weight of each pair, where it was asked for and is not one for all of them. Rows of one call add up; of two
        calls the larger weight counts, so that rows given again, or in another order, change nothing.
    held_out : int32 of shape (n_pairs, 2)
        The same of rows that validated.
    """

    def __init__(self):
        self.counts = self.sums = ()
        self.pairs = self.held_out = NO_PAIRS
        self.weights = None

    def with_rows(self, interactions, n_ids, *, weighs_pairs=False):
        """What is seen after further training rows, of encoded ids of which each column has `n_ids`.

        `weighs_pairs` also sets the weight of each pair.
        """
        codes, targets, weight = interactions.codes, interactions.targets, interactions.weights
        seen = Seen()
        seen.counts, seen.sums = ([np.zeros(n + N_SPECIAL) for n in n_ids] for _ in range(2))
        storage = storage_of(codes, targets, weight)
        for rows in parts_of(len(codes)):
            weights = np.ones(rows.stop - rows.start) if weight is None else weight[rows] / weight.mean()
            for values, columns in ((weights, seen.counts), (weights * targets[rows], seen.sums)):
                for j, column in enumerate(columns):
                    column += np.bincount(codes[rows, j] + N_SPECIAL, weights=values, minlength=len(column))
            storage.release_pages(codes, targets, weight)
        seen.counts, seen.sums = _added(self.counts, seen.counts), _added(self.sums, seen.sums)
        seen.pairs = _distinct_pairs(self.pairs, codes)
        seen.held_out = self.held_out
        each_once = weight is None and self.weights is None and len(seen.pairs) == len(self.pairs) + len(codes)
        if weighs_pairs and not each_once:
            seen.weights = seen._weights_with(self, codes, weight)
        return seen

    def _weights_with(self, earlier, codes, weight):
        """The weight of each pair, the sum over its rows; a pair of earlier rows keeps its weight if that is larger."""
        n_items = int(self.pairs[:, 1].max(initial=0)) + N_SPECIAL + 1
        keys = _keys(self.pairs, n_items)
        weights = np.zeros(len(keys), np.float32)
        for rows in parts_of(len(codes)):
            places = np.searchsorted(keys, _keys(codes[rows], n_items))
            np.add.at(weights, places, 1 if weight is None else weight[rows])
        places = np.searchsorted(keys, _keys(earlier.pairs, n_items))
        weights[places] = np.maximum(weights[places], 1 if earlier.weights is None else earlier.weights)
        return weights

    def with_mean(self, mean):
        """What is seen where each target was this one."""
        seen = Seen()
        vars(seen).update(vars(self), sums=[counts * np.float32(mean) for counts in self.counts])
        return seen

    def in_memory(self):
        """What is seen, with no pairs of a scratch file."""
        seen = Seen()
        vars(seen).update(vars(self))
        storage = storage_of(self.pairs)
        if not storage.in_memory:
            seen.pairs = np.empty_like(self.pairs, subok=False)
            for rows in parts_of(len(self.pairs)):
                seen.pairs[rows] = self.pairs[rows]
                storage.release_pages(self.pairs)
        return seen

    def with_held_out(self, codes):
        """What is seen where further rows were held out."""
        seen = Seen()
        vars(seen).update(vars(self), held_out=_distinct_pairs(self.held_out, codes))
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
        part.pairs = _distinct_pairs(pairs[(pairs >= 0).all(axis=1)])
        return part

    def means(self):
        """Mean target of each id of each column; 0 where there is none."""
        tiny = np.finfo(np.float32).tiny
        return [sums / np.maximum(counts, tiny) for sums, counts in zip(self.sums, self.counts, strict=True)]

    def n_rows_of(self, column, codes):
        """Weight of the training rows of some codes of a column."""
        return self.counts[column][codes + N_SPECIAL]

    def trained(self, column, codes):
        """Which codes of a column stand for ids that had training rows."""
        return self.n_rows_of(column, codes) > 0

    def contain(self, codes):
        """Which rows of codes are training pairs."""
        n_items = int(max(self.pairs[:, 1].max(initial=0), codes[:, 1].max(initial=0))) + N_SPECIAL + 1
        keys, known = _keys(codes, n_items), _keys(self.pairs, n_items)
        if not len(known):
            return np.zeros(len(keys), bool)
        # known ones are sorted; numpy's `isin` does not use that, and takes seconds for millions of them
        return known[np.searchsorted(known, keys).clip(max=len(known) - 1)] == keys

    def pairs_not_in(self, other):
        """The training pairs that another one does not have."""
        return self.pairs[~other.contain(self.pairs)]

    def items(self):
        """Codes of the items that have training rows, sorted; those without an id are none."""
        return np.flatnonzero(self.counts[ITEM][N_SPECIAL:])

    def items_of(self, users):
        """Items that came together with each of some users, held out or not.

        Returns two arrays, positions among `users` and codes of items.
        """
        found = []
        for pairs in (self.pairs, self.held_out):
            first = np.searchsorted(pairs[:, 0], users, side="left")
            positions, rows = expanded(first, np.searchsorted(pairs[:, 0], users, side="right"))
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
        return _distinct_pairs(self.pairs, self.held_out)


class SeenByUser:
    """The pairs of a `Seen` by user: a look-up takes time in proportion to the pairs of the users asked for.

    Parameters
    ----------
    seen : Seen
    held_out : bool
        Whether the pairs of the validation set are included.
    """

    def __init__(self, seen, *, held_out):
        parts = [seen.pairs, seen.held_out] if held_out else [seen.pairs]
        users = np.arange(len(seen.counts[0]) - N_SPECIAL + 1)
        self._parts = [(pairs[:, 1], np.searchsorted(np.ascontiguousarray(pairs[:, 0]), users)) for pairs in parts]

    def items_of_one(self, user):
        """Codes of the items of a known user."""
        return np.concatenate([items[first[user] : first[user + 1]] for items, first in self._parts])

    def items_of(self, users):
        """Items of known users: positions among `users` and codes of items."""
        found = []
        for items, first in self._parts:
            positions, rows = expanded(first[users], first[users + 1])
            found.append((positions, items[rows]))
        return tuple(map(np.concatenate, zip(*found, strict=True)))


def expanded(first, last):
    """The rows from `first` to before `last`, one range behind the other: which range each is in, and its number."""
    lengths = last - first
    positions = np.repeat(np.arange(len(first)), lengths)
    return positions, np.arange(len(positions)) + np.repeat(first - (lengths.cumsum() - lengths), lengths)


def _place_among(ids, codes):
    """The place of each code among ids, -1 where it is none of them."""
    place = np.full(max(ids.max(initial=0), codes.max(initial=0)) + N_SPECIAL + 1, -1)
    place[ids + N_SPECIAL] = np.arange(len(ids))
    return place[codes + N_SPECIAL]


def _added(known, further):
    """Sums per id of each column, known ones and those of further rows; ids may have been added."""
    for earlier, sums in zip(known, further, strict=False):  # nothing is known at first
        sums[: len(earlier)] += earlier
    return [sums.astype(np.float32) for sums in further]


def _keys(pairs, n_items):
    """A number for each pair, in the order of the pairs."""
    return (pairs[:, 0].astype(np.int64) + N_SPECIAL) * n_items + pairs[:, 1] + N_SPECIAL


def _distinct_pairs(*codes):
    """Each pair of users and items once, sorted: int32 of shape (n_pairs, 2), in place of the keys they come from.

    They lie on disk where some of the codes do.
    """
    codes = [part for part in codes if len(part)]
    if not codes:
        return NO_PAIRS
    n_items = max(int(part[:, 1].max()) for part in codes) + N_SPECIAL + 1
    storage = storage_of(*codes)
    keys = storage.new(sum(map(len, codes)), np.int64)
    n_keys = 0
    for part in codes:
        for rows in parts_of(len(part)):
            keys[n_keys : (n_keys := n_keys + rows.stop - rows.start)] = _keys(part[rows], n_items)
        storage.release_pages(part)
    keys.sort()
    pairs, n_pairs, last = keys.view(np.int32).reshape(-1, 2), 0, None
    for rows in parts_of(len(keys)):
        part = keys[rows]
        part = part[np.append(part[0] != last, part[1:] != part[:-1])]
        last = keys[rows.stop - 1]
        pairs[n_pairs : (n_pairs := n_pairs + len(part))] = np.stack(np.divmod(part, n_items), axis=1) - N_SPECIAL
    storage.release_pages(keys)
    return pairs[:n_pairs].copy() if storage.in_memory and n_pairs < len(pairs) else pairs[:n_pairs]
