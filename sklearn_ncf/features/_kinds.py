"""Kinds of features: numbers, categories, several values at once, and blocks of numbers; each as columns of a design.

A kind is learned from one row per id, and turns cells, of these ids or of others, into rows of numbers. A row of which
nothing is known has no deviation: what is missing counts as the mean.
"""

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from sklearn_ncf.encoding import MISSING, UnknownIds, Vocabulary, as_objects, as_table_name, read_table
from sklearn_ncf.storage import parts_of

BINS = 8  # of a number, which hold as many ids each
ROWS_CHUNK_SIZE = 16_384
MOST_VALUES = 2000  # of a feature: the most frequent ones


class Kind:
    """What the kinds share: their state is their attributes."""

    def state(self):
        """What was learned, in dictionaries, lists and arrays."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state):
        """The kind with that state."""
        kind = object.__new__(cls)
        vars(kind).update(state)
        return kind


class Numbers(Kind):
    """A number, as how far it has come through each of some bins that hold as many ids each.

    A linear function of these is piecewise linear in the number (Gorishniy et al. 2022, "On Embeddings for Numerical
    Features in Tabular Deep Learning"). Neither units nor outliers matter, and of two values the one is 0, the other 1.
    Beyond the range of `fit`, a number counts as the nearest end.
    """

    def __init__(self, name, values):
        self.name = name
        numbers = self.read(values)
        known = numbers[~np.isnan(numbers)]
        quantiles = np.quantile(known, np.linspace(0, 1, BINS + 1), method="inverted_cdf") if len(known) else []
        self.ends = np.unique(quantiles)
        self.fill = np.zeros(max(len(self.ends) - 1, 0))
        design = self.design(numbers)
        known_rows = ~np.isnan(numbers)
        if known_rows.any():
            self.fill = design[known_rows].mean(axis=0)

    @property
    def n_columns(self):
        """Columns of a design."""
        return len(self.fill)

    def read(self, values):
        """A column as floats, NaN where one is missing."""
        return as_floats(values, self.name)

    def missing(self, numbers):
        """Which rows have no value."""
        return np.isnan(numbers)

    def design(self, numbers):
        """Rows of numbers, of shape (n_rows, n_bins)."""
        if len(self.ends) < 2:
            return np.zeros((len(numbers), 0))
        low, width = self.ends[:-1], np.diff(self.ends)
        design = ((numbers[:, None] - low) / width).clip(0, 1)
        return np.where(np.isnan(numbers)[:, None], self.fill, design)


class Categories(Kind):
    """A category, as a column for each: one for the row's own."""

    def __init__(self, name, values):
        self.name = name
        column, _ = self._columns(values)
        self.vocabulary = _most_frequent(column)

    def state(self):
        """What was learned, in dictionaries, lists and arrays."""
        return super().state() | {"vocabulary": self.vocabulary.state()}

    @classmethod
    def from_state(cls, state):
        """The kind with that state."""
        return super().from_state(state | {"vocabulary": Vocabulary.from_state(state["vocabulary"])})

    @property
    def n_columns(self):
        """Columns of a design."""
        return len(self.vocabulary.ids)

    def read(self, values):
        """A column as a sparse matrix of the categories of each row."""
        column, rows = self._columns(values)
        codes = self.vocabulary.codes(column.ids)
        unknown = np.flatnonzero(codes == MISSING)
        UnknownIds.in_column(column, unknown).check_kinds(as_table_name([self.name], 0), self.vocabulary)
        codes = np.append(codes, MISSING)[column.positions]
        known = codes != MISSING
        shape = len(values), len(self.vocabulary.ids)
        places = np.unique(rows[known].astype(np.int64) * shape[1] + codes[known])  # a value given twice counts once
        rows, codes = np.divmod(places, max(shape[1], 1))
        return csr_array((np.ones(len(rows), np.float32), (rows, codes)), shape=shape)

    def missing(self, design):
        """Which rows have no value that is known."""
        return np.diff(design.indptr) == 0

    def design(self, values):
        """Rows of zeros and ones, as a sparse matrix."""
        return values

    def _columns(self, values):
        """The values as a `Column`, and the row of each."""
        return _as_column(values, self.name), np.arange(len(values))


class ValueLists(Categories):
    """Several categories at once, in any order, as a column for each: one for each of the row's own."""

    def __init__(self, name, values, separator=None):
        self.separator = separator
        super().__init__(name, values)

    def _columns(self, values):
        cells = [self._members(cell) for cell in values]
        rows = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
        members = pd.Series(as_objects([member for cell in cells for member in cell]), dtype=object)
        return _as_column(members, self.name), rows

    def _members(self, cell):
        if isinstance(cell, str):
            pieces = [cell] if self.separator is None else cell.split(self.separator)
            return [piece.strip() for piece in pieces if piece.strip()]
        return list(cell) if is_collection(cell) else [] if pd.isna(cell) else [cell]


class Block(Kind):
    """Numbers that belong together, such as an embedding of text: linear, with one unit for all of them.

    They vary as much as one category does, taken together.
    """

    def __init__(self, name, values):
        self.name = name
        self.width = self._width_of(values)
        n_known, total = 0, np.zeros(self.width)
        for part in parts(values):
            numbers = self.read(part)
            n_known = n_known + (~np.isnan(numbers)).sum(axis=0)
            total += np.nansum(numbers, axis=0, dtype=np.float64)
        self.center = total / np.maximum(n_known, 1)
        squares = sum(np.nansum((self.read(part) - self.center) ** 2, axis=0) for part in parts(values))
        self.scale = self._scale_of(squares / np.maximum(n_known, 1))

    @property
    def n_columns(self):
        """Columns of a design."""
        return self.width

    def read(self, values):
        """Cells of numbers as an array, of NaN where one is missing."""
        lengths = _lengths(values)
        if not lengths <= {self.width}:
            raise self._differs(lengths, f", but in fit {self.width}")
        numbers = np.full((len(values), self.width), np.nan, dtype=np.float32)
        for row, cell in enumerate(values):
            if is_collection(cell):
                numbers[row] = _numbers_of(cell, self.name) if len(cell) else np.nan
            elif not pd.isna(cell):
                raise _not_as_in_fit(self.name, cell, "lists of numbers")
        return numbers

    def missing(self, numbers):
        """Which rows have no value."""
        return np.isnan(numbers).all(axis=1)

    def design(self, numbers):
        """Rows of numbers, of shape (n_rows, width)."""
        deviations = (numbers - self.center) * self.scale
        return np.where(np.isnan(deviations), 0, deviations).astype(np.float32)

    def _width_of(self, values):
        lengths = _lengths(values)
        if len(lengths) > 1:
            raise self._differs(lengths, "")
        return lengths.pop()

    def _differs(self, lengths, expected):
        return ValueError(
            f"{title(self.name)} holds lists of {' and '.join(map(str, sorted(lengths)))} numbers{expected}; numbers "
            "that belong together are as many in each row."
        )

    def _scale_of(self, variances):
        total = variances.sum()
        return 1 / np.sqrt(total) if total > 0 else 0.0


class NumberColumns(Block):
    """Many columns of numbers, as one block in which each has its unit."""

    def read(self, values):
        """Columns of numbers as an array, of NaN where one is missing."""
        columns = [as_floats(column, name) for name, column in values.items()]
        return np.stack(columns, axis=1).astype(np.float32)

    def _width_of(self, values):
        return values.shape[1]

    def _scale_of(self, variances):
        deviation = np.sqrt(variances)
        varies = deviation > 1e-6 * np.abs(self.center)
        return np.where(varies, 1 / np.where(varies, deviation, 1), 0) / np.sqrt(max(varies.sum(), 1))


def parts(values):
    """Rows of a column or of a data frame, some at a time: bounds the memory that their numbers take."""
    return (values.iloc[rows] for rows in parts_of(len(values), ROWS_CHUNK_SIZE))


def _lengths(values):
    """How many numbers the lists in a column hold, but for empty ones, which are missing."""
    return {len(cell) for cell in values if is_collection(cell)} - {0}


def is_collection(cell):
    """Whether a cell holds several values."""
    return isinstance(cell, Iterable) and not isinstance(cell, str | bytes) and getattr(cell, "ndim", 1) > 0


def as_floats(values, name):
    """A column as floats, NaN where one is missing; times as seconds since 1970, or as seconds."""
    if values.dtype.kind not in "biufmM" and any(isinstance(cell, date) for cell in values.dropna()[:1]):
        values = pd.to_datetime(pd.Series(list(values), dtype=object))
    if values.dtype.kind == "M":
        values = values - pd.Timestamp(0, tz=getattr(values.dtype, "tz", None))
    if values.dtype.kind == "m":
        return (values / pd.Timedelta(seconds=1)).to_numpy(np.float64, na_value=np.nan)
    for cell in values if values.dtype == object else ():
        if is_collection(cell):
            raise _not_as_in_fit(name, cell, "numbers")
    try:
        if values.dtype == object:
            values = pd.Series([np.nan if pd.isna(cell) else float(cell) for cell in values], dtype=np.float64)
        numbers = values.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{title(name)} must hold numbers, as in fit or as numeric_features says "
            f"({error}); convert it, for instance with pandas.to_numeric."
        ) from error
    if np.isinf(numbers).any():
        raise ValueError(f"{title(name)} holds infinite numbers; remove them.")
    return numbers


def title(name):
    """How a message begins with a column."""
    return as_table_name([name], 0).capitalize()


def _numbers_of(cell, name):
    try:
        numbers = np.asarray(cell, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise _not_as_in_fit(name, cell, "lists of numbers") from error
    if np.isinf(numbers).any():
        raise ValueError(f"{title(name)} holds infinite numbers; remove them.")
    return numbers


def _not_as_in_fit(name, cell, expected):
    return ValueError(
        f"{title(name)} holds {type(cell).__name__} such as {cell!r:.60}, where fit or the "
        f"parameters say {expected}; give it the form that it had in fit."
    )


def _as_column(values, name):
    """A Series as a `Column` of distinct values."""
    if not len(values):
        return next(read_table(pd.DataFrame({name: [None]}), estimator=None)[1])._replace(
            positions=np.empty(0, dtype=np.intp)
        )
    (column,) = read_table(values.to_frame(str(name)), estimator=None)[1]
    return column


def _most_frequent(column):
    """A vocabulary of the most frequent values of a column."""
    vocabulary = Vocabulary().extended(column, 1)
    if len(vocabulary.ids) <= MOST_VALUES:
        return vocabulary
    counts = np.bincount(column.positions[column.positions != MISSING], minlength=len(column.ids))
    least = np.partition(counts, -MOST_VALUES)[-MOST_VALUES]
    frequent = np.flatnonzero(counts > least)
    frequent = np.append(frequent, np.flatnonzero(counts == least)[: MOST_VALUES - len(frequent)])
    return Vocabulary(vocabulary.ids[np.sort(vocabulary.codes(column.ids[frequent]))])
