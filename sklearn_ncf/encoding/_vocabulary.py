"""Vocabulary: the ids of one column and their codes, whatever types the ids have."""

import numpy as np
import pandas as pd

from sklearn_ncf.encoding._columns import MISSING, as_objects, count_kinds, factorize
from sklearn_ncf.encoding._plain_ids import pack_ids, unpack_ids

NOTHING = np.empty(0, dtype=object)
COMMON = 0.1  # share of a column's ids from which on their kind is one of the column, and not an exception in it


class Vocabulary:
    """The ids of one column in the order of their codes, with the counts of those too infrequent for a code."""

    def __init__(self, ids=NOTHING, infrequent_ids=NOTHING, infrequent_counts=()):
        self.ids = ids
        self.infrequent_ids = infrequent_ids
        self.infrequent_counts = infrequent_counts
        self._indexes = self._kinds = None  # made when first asked for

    def extended(self, column, min_count):
        """A vocabulary with the new ids of a column behind the known ones."""
        if min_count == 1 and not len(self.ids) and not len(self.infrequent_ids):  # the usual fit
            return Vocabulary(_sort_ids(column.ids))

        counts = np.bincount(column.positions[column.positions != MISSING], minlength=len(column.ids))
        new = self.codes(column.ids) == MISSING
        positions, distinct = factorize(_join_ids(self.infrequent_ids, column.ids[new]))
        counts = np.bincount(positions, weights=np.append(self.infrequent_counts, counts[new]), minlength=len(distinct))
        frequent = counts >= min_count
        ids = _join_ids(self.ids, _sort_ids(distinct[frequent]))
        return Vocabulary(ids, distinct[~frequent], counts[~frequent].astype(np.int64))

    def joined(self, column):
        """A vocabulary with the new ids of a column behind the known ones, as they come."""
        new = self.codes(column.ids) == MISSING
        return Vocabulary(_join_ids(self.ids, column.ids[new]))

    def in_order(self):
        """A vocabulary of the same ids in the order of a single fit."""
        return Vocabulary(_sort_ids(self.ids))

    @property
    def kinds(self):
        """The number of ids of each kind, the infrequent ones too."""
        if self._kinds is None:
            self._kinds = count_kinds(self.ids) + count_kinds(self.infrequent_ids)
        return self._kinds

    @property
    def common_kinds(self):
        """The kinds that a column with these ids is made of."""
        return {kind for kind, n_ids in self.kinds.items() if n_ids >= COMMON * self.kinds.total()}

    def codes(self, ids):
        """Codes of distinct ids, -1 where unknown."""
        return _positions_in(self._hashed()[0], ids)

    def accounts_for(self, ids):
        """Which ids without a code are not unknown: infrequent ones, and the -1 of another encoder."""
        return (_positions_in(self._hashed()[1], ids) != MISSING) | np.asarray(ids == -1, dtype=bool)

    def _hashed(self):
        """Indexes of ids and infrequent ids, hashed: pandas shows other threads a hash table that it is filling."""
        if self._indexes is None:
            indexes = _index_of(self.ids), _index_of(self.infrequent_ids)
            for index in indexes:
                index.get_indexer(index[:1])
            self._indexes = indexes
        return self._indexes

    def state(self):
        """What makes this vocabulary, in lists, dictionaries and arrays."""
        return {
            "ids": pack_ids(self.ids),
            "infrequent_ids": pack_ids(self.infrequent_ids),
            "infrequent_counts": np.asarray(self.infrequent_counts, dtype=np.int64),
        }

    @classmethod
    def from_state(cls, state):
        """The vocabulary with that state."""
        ids, infrequent_ids = (unpack_ids(state[name]) for name in ("ids", "infrequent_ids"))
        return cls(ids, infrequent_ids, state["infrequent_counts"])


def _sort_ids(ids):
    """Return sorted ids; ids that cannot be compared with one another stay in order of appearance."""
    if ids.dtype != object:
        return np.sort(ids)
    try:
        return as_objects(sorted(ids))  # twice as fast as numpy on strings
    except Exception:  # TypeError, or whatever a comparison of the ids' own raises
        return ids


def _index_of(ids):
    """Distinct ids as a pandas index, which hashes them at the first lookup."""
    keys = ids.astype(np.int64) if ids.dtype.kind == "b" else ids
    return pd.Index(keys, dtype=keys.dtype, copy=False)


def _positions_in(index, ids):
    """Positions of distinct ids in an index, -1 where they are not in it, whatever the types of the two."""
    keys = _index_of(ids)
    if not len(index):
        return np.full(len(keys), MISSING, dtype=np.intp)
    if index.dtype == keys.dtype:
        return index.get_indexer(keys)
    if object in (index.dtype, keys.dtype):  # Python compares numbers of any type exactly
        return index.astype(object, copy=False).get_indexer(keys.astype(object, copy=False))
    numbers, exact = _cast(keys.to_numpy(), index.dtype)
    return np.where(exact, index.get_indexer(_index_of(numbers)), MISSING)


def _join_ids(known, new):
    """Ids one behind the other; where their dtypes differ, in one that holds each of them exactly."""
    if not len(known) or not len(new):
        return known if len(known) else new
    if known.dtype != new.dtype and known.dtype.kind in "iuf" and new.dtype.kind in "iuf":
        numbers, exact = _cast(new, known.dtype)
        if exact.all():
            return np.append(known, numbers)
        numbers, exact = _cast(known, new.dtype)
        if exact.all():
            return np.append(numbers, new)
    if known.dtype != new.dtype:
        known, new = known.astype(object), new.astype(object)
    return np.append(known, new)


def _cast(numbers, dtype):
    """Numbers as another of the types int64, uint64 and float64, and which of them are the same there."""
    if numbers.dtype.kind == "f":
        low, high = (-(2.0**63), 2.0**63) if dtype == np.int64 else (0.0, 2.0**64)
        exact = (numbers >= low) & (numbers < high) & (numbers == np.trunc(numbers))
        return np.where(exact, numbers, 0).astype(dtype), exact
    cast = numbers.astype(dtype)
    if dtype == np.float64:
        back, exact = _cast(cast, numbers.dtype)
        return cast, exact & (back == numbers)
    return cast, (numbers >= 0) & (cast >= 0)  # int64 and uint64 share the numbers that are negative in neither
