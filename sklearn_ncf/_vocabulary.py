"""Vocabulary: the ids of one column and their codes, whatever types the ids have."""

from itertools import pairwise

import numpy as np
import pandas as pd

from sklearn_ncf._columns import MISSING, as_objects, kinds_of

NOTHING = np.empty(0, dtype=object)


class Vocabulary:
    """The ids of one column in the order of their codes, with the counts of those too infrequent for a code."""

    def __init__(self, ids=NOTHING, kinds=(), infrequent_ids=NOTHING, infrequent_counts=()):
        self.ids = ids
        self.kinds = set(kinds)
        self.infrequent_ids = infrequent_ids
        self.infrequent_counts = infrequent_counts
        self._index = _index_of(ids)
        self._infrequent_index = _index_of(infrequent_ids)

    def extended(self, column, min_count):
        """A vocabulary with the new ids of a column behind the known ones."""
        kinds = self.kinds | kinds_of(column.ids)
        if min_count == 1 and not len(self.ids) and not len(self.infrequent_ids):  # the usual fit
            return Vocabulary(_sort_ids(column.ids), kinds)

        counts = np.bincount(column.positions[column.positions != MISSING], minlength=len(column.ids))
        new = self.codes(column.ids) == MISSING
        positions, distinct = pd.factorize(_join_ids(self.infrequent_ids, column.ids[new]))
        counts = np.bincount(positions, weights=np.append(self.infrequent_counts, counts[new]), minlength=len(distinct))
        frequent = counts >= min_count
        ids = _join_ids(self.ids, _sort_ids(distinct[frequent]))
        return Vocabulary(ids, kinds, distinct[~frequent], counts[~frequent].astype(np.int64))

    def joined(self, column):
        """A vocabulary with the new ids of a column behind the known ones, as they come."""
        new = self.codes(column.ids) == MISSING
        return Vocabulary(_join_ids(self.ids, column.ids[new]), self.kinds | kinds_of(column.ids))

    def in_order(self):
        """A vocabulary of the same ids in the order of a single fit."""
        return Vocabulary(_sort_ids(self.ids), self.kinds)

    def codes(self, ids):
        """Codes of distinct ids, -1 where unknown."""
        return _positions_in(self._index, ids)

    def accounts_for(self, ids):
        """Which ids without a code are no strangers: infrequent ones, and the -1 of another encoder."""
        return (_positions_in(self._infrequent_index, ids) != MISSING) | np.asarray(ids == -1, dtype=bool)

    def state(self):
        """What makes this vocabulary, in lists, dictionaries and arrays."""
        return {
            "ids": _packed(self.ids),
            "kinds": sorted(self.kinds),
            "infrequent_ids": _packed(self.infrequent_ids),
            "infrequent_counts": np.asarray(self.infrequent_counts, dtype=np.int64),
        }

    @classmethod
    def from_state(cls, state):
        """The vocabulary with that state."""
        return cls(**state | {name: _unpacked(state[name]) for name in ("ids", "infrequent_ids")})


def _packed(ids):
    """Ids as they are saved: texts as one array of their bytes and one of their lengths, all others as they are."""
    if ids.dtype != object or not len(ids) or set(map(type, ids)) != {str}:
        return ids
    texts = [id_.encode("utf-8", "surrogatepass") for id_ in ids]
    return {"text": np.frombuffer(b"".join(texts), dtype=np.uint8), "lengths": np.array([len(text) for text in texts])}


def _unpacked(ids):
    """Ids from `_packed`."""
    if not isinstance(ids, dict):
        return ids
    text, ends = ids["text"].tobytes(), np.cumsum(ids["lengths"]).tolist()
    return as_objects([text[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise([0, *ends])])


def _sort_ids(ids):
    """Return sorted ids; ids that cannot be compared with one another stay in order of appearance."""
    if ids.dtype != object:
        return np.sort(ids)
    try:
        return as_objects(sorted(ids))  # twice as fast as numpy on texts
    except TypeError:
        return ids


def _index_of(ids):
    """Distinct ids as a pandas index, which hashes them at the first look-up."""
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
