"""UnknownIds: what the rows of a table hold of ids that an encoder does not know, and when that is a mistake."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.encoding._columns import MISSING, kinds_of

EXCEPTIONS = 10  # rows with an uncommon kind of ids that `fit` has met, up to which they are no column of that kind

SHOWN = 5  # ids in a message,
KEPT = SHOWN + 1  # which also says whether there are more


@dataclass
class UnknownIds:
    """Counts over the rows of one column; those of further rows of it can be added.

    n_rows, n_missing, n_unknown : int
        Rows, those with a missing id, and those with an id that the encoder does not know.
    ids : list
        The first of the distinct unknown ids.
    n_of_kind : Counter
        Rows with an unknown id, by the kind of the id.
    """

    n_rows: int = 0
    n_missing: int = 0
    n_unknown: int = 0
    ids: list = field(default_factory=list)
    n_of_kind: Counter = field(default_factory=Counter)

    @classmethod
    def in_column(cls, column, unknown):
        """Those of a `Column` in which some distinct ids, by their positions, are unknown."""
        n_rows, n_missing = len(column.positions), int(np.count_nonzero(column.positions == MISSING))
        if not len(unknown):
            return cls(n_rows, n_missing)
        n_of_id = np.bincount(column.positions + 1, minlength=len(column.ids) + 1)
        ids, of_unknown = column.ids[unknown], n_of_id[unknown + 1]
        n_of_kind = Counter()
        for kind, n in zip(kinds_of(ids), of_unknown.tolist(), strict=True):
            n_of_kind[kind] += n
        return cls(n_rows, n_missing, int(of_unknown.sum()), ids[:KEPT].tolist(), n_of_kind)

    def __add__(self, other):
        return UnknownIds(
            self.n_rows + other.n_rows,
            self.n_missing + other.n_missing,
            self.n_unknown + other.n_unknown,
            list(dict.fromkeys([*self.ids, *other.ids]))[:KEPT],
            self.n_of_kind + other.n_of_kind,
        )

    def check_none(self, name):
        """Raise `ValueError` where a row of the column called `name` holds an unknown id."""
        if self.n_unknown:
            raise ValueError(
                f"{name} holds unknown ids in {self.n_unknown} of {self.n_rows} rows: {shown(self.ids)}. Fit on them, "
                'remove those rows, or use handle_unknown="encode".'
            )

    def check_kinds(self, name, vocabulary, *, each=False):
        """Raise `ValueError` where most rows of the column called `name` hold ids of another type than in `fit`.

        Some rows may: in a column of strings with a few numbers, a fold of a cross-validation has seen no number.
        With `each`, as for ids that are arguments, no row may hold an id of a type that `fit` has not seen.
        """
        others = {
            kind: n_rows
            for kind, n_rows in self.n_of_kind.items()
            if kind not in vocabulary.common_kinds and (kind not in vocabulary.kinds or n_rows > EXCEPTIONS)
        }
        foreign = any(kind not in vocabulary.kinds for kind in others)
        if vocabulary.kinds and (2 * sum(others.values()) > self.n_rows - self.n_missing or (each and foreign)):
            raise ValueError(
                f"{name} holds ids of type {_listed(others)}, but in fit its ids were of type "
                f"{_listed(vocabulary.common_kinds)}: none of them would be recognized. Convert the column to the type "
                "used in fit (for instance with .astype(str) or .astype(int)), or fit again."
            )

    def warn(self, name):
        """Warn where more than half of the rows of the column called `name` hold several unknown ids."""
        if len(self.ids) > 1 and 2 * self.n_unknown > self.n_rows:
            warn_caller(
                f"{self.n_unknown / self.n_rows:.0%} of the rows of {name} hold ids that were not seen in fit; they "
                "are encoded as -1."
            )


def shown(ids):
    """The first of some ids, a list or an array, for a message."""
    first = ids[:SHOWN].tolist() if isinstance(ids, np.ndarray) else ids[:SHOWN]
    return ", ".join(map(repr, first)) + (", ..." if len(ids) > SHOWN else "")


def _listed(kinds):
    return " and ".join(sorted(kinds))
