"""Description: what was learned of one side's features, and what they say of ids that no rating has shown."""

from collections.abc import Mapping
from datetime import date
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, hstack, issparse

from sklearn_ncf.features._kinds import (
    ROWS_CHUNK_SIZE,
    Block,
    Categories,
    NumberColumns,
    Numbers,
    ValueLists,
    is_collection,
    parts,
    title,
)
from sklearn_ncf.features._prior import FeaturePrior, learn_prior
from sklearn_ncf.storage import parts_of

MANY_NUMBERS = 32  # columns, more than which are one block
KINDS = {kind.__name__: kind for kind in (Block, Categories, NumberColumns, Numbers, ValueLists)}


class Description:
    """Kinds of the columns of a data frame of features, and the prior of the ids that they describe.

    Parameters
    ----------
    frame : DataFrame, one row per id
    numeric : names of columns that are numbers whatever they hold
    separator : str or None, what joins several values in a string
    """

    def __init__(self, frame, numeric, separator):
        of_columns = {name: _kind_of(column, name, name in numeric, separator) for name, column in frame.items()}
        numbers = [name for name, kind in of_columns.items() if kind is Numbers]
        self.kinds = []
        if len(numbers) > MANY_NUMBERS:
            self.kinds.append((numbers, NumberColumns(numbers, frame[numbers])))
        for name, kind in of_columns.items():
            if kind is Numbers and len(numbers) > MANY_NUMBERS:
                continue
            further = (separator,) if kind is ValueLists else ()
            self.kinds.append((name, kind(name, frame[name], *further)))
        self.has_missing = [
            any(kind.missing(kind.read(part)).any() for part in parts(frame[columns])) for columns, kind in self.kinds
        ]

    def state(self):
        """What was learned, in dictionaries, lists and arrays."""
        kinds = [{"class": type(kind).__name__, "columns": columns, **kind.state()} for columns, kind in self.kinds]
        return {"kinds": kinds, "has_missing": self.has_missing, "prior": list(self.prior)}

    @classmethod
    def from_state(cls, state):
        """The description with that state."""
        description = object.__new__(cls)
        description.kinds = []
        for of_kind in state["kinds"]:
            of_kind = dict(of_kind)
            class_, columns = KINDS[of_kind.pop("class")], of_kind.pop("columns")
            description.kinds.append((columns, class_.from_state(of_kind)))
        description.has_missing, description.prior = state["has_missing"], FeaturePrior(*state["prior"])
        return description

    def learn(self, frame, targets, n_ratings, groups):
        """Learn what the features of ids say of their `targets`, of shape (n_ids, n_targets); see `learn_prior`."""
        designs = (self.design(part) for part in parts(frame))
        of_designs = (targets[rows] for rows in parts_of(len(frame), ROWS_CHUNK_SIZE))
        self.prior = learn_prior(zip(designs, of_designs, strict=True), n_ratings, groups)

    def check(self, frame):
        """Raise `ValueError` where some rows hold features of another kind than those learned from."""
        for part in parts(frame):
            self._read(part)

    def design(self, frame):
        """The features of some rows as rows of numbers: a sparse matrix, or an array where there are blocks."""
        return self._read(frame)[0]

    def deviations(self, frame):
        """What the features of some rows say, of shape (n_rows, n_targets), and in which rows they say anything."""
        design, known = self._read(frame)
        return self.prior.deviations(design) * known[:, None], known

    def deviations_by_column(self, frame):
        """What each column of some rows' features says: its name, and numbers of shape (n_rows, n_targets).

        Columns that were learned as one have one name. The sums over columns are the `deviations`.
        """
        design, known = self._read(frame)
        start, center, found = 0, self.prior.center, []
        for columns, _, weights, of_missing in self.weights():
            if of_missing is not None:
                weights = np.vstack([weights, of_missing])
            part = slice(start, start := start + len(weights))
            values = design[:, part] @ weights - center[part] @ weights
            found.append((_name_of(columns), values * known[:, None]))
        return found

    def weights(self):
        """For each kind its columns, itself, the weights of its design, and those of the sign that it is missing.

        These are None where no id of `fit` was missing it.
        """
        start = 0
        for (columns, kind), has_missing in zip(self.kinds, self.has_missing, strict=True):
            stop = start + kind.n_columns
            yield columns, kind, self.prior.weights[start:stop], self.prior.weights[stop] if has_missing else None
            start = stop + has_missing

    def offset(self):
        """What the features of an average id say, with the sign turned."""
        return -self.prior.center @ self.prior.weights

    def _read(self, frame):
        designs, missing = [], []
        for (columns, kind), has_missing in zip(self.kinds, self.has_missing, strict=True):
            values = kind.read(frame[columns])
            missing.append(kind.missing(values))
            designs.append(kind.design(values))
            if has_missing:
                designs.append(missing[-1][:, None].astype(np.float64))
        known = ~np.all(missing, axis=0)
        if any(isinstance(kind, Block) for _, kind in self.kinds):
            return np.hstack([design.toarray() if issparse(design) else design for design in designs]), known
        return hstack([csr_array(design) for design in designs], format="csr"), known


def _name_of(columns):
    """A name for the column, or for the columns, of a kind."""
    return f"{columns[0]}, ..., {columns[-1]}" if isinstance(columns, list) else columns


def _kind_of(column, name, is_number, separator):
    """The class of a column's kind."""
    dtype = column.dtype
    if is_number or dtype.kind in "fmM":
        return Numbers
    if dtype.kind in "iub":
        return Categories
    examples = [cell for cell in column if is_collection(cell)]
    if any(isinstance(cell, Mapping) for cell in examples):
        raise TypeError(f"{title(name)} holds mappings; a feature is a value or a list of them.")
    if examples:
        return _kind_of_lists(examples)
    if separator is not None:
        strings = (cell for cell in column.unique() if isinstance(cell, str))
        if any(separator in cell for cell in strings):
            return ValueLists
    return Numbers if _are_numbers(column) else Categories


def _kind_of_lists(cells):
    """Blocks are lists of floats, of which each has as many as any other; all else are lists of values."""
    members = next((cell for cell in cells if len(cell)), ())
    is_block = len(members) > 0 and all(isinstance(member, float | np.floating) for member in members)
    return Block if is_block else ValueLists


def _are_numbers(column):
    """Whether the cells of a column of objects are dates, or numbers of which one is no integer."""
    types = set(map(type, column.dropna())) if not isinstance(column.dtype, pd.CategoricalDtype) else set()
    if types and all(issubclass(type_, date) for type_ in types):
        return True
    numbers = all(issubclass(type_, Real) and not issubclass(type_, bool | np.bool_) for type_ in types)
    return numbers and any(not issubclass(type_, Integral) for type_ in types)
