"""Tables of pairs of users and items, in the columns and of the type of a given table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING, with_columns


@dataclass(frozen=True)
class PairTables:
    """A table of which each row can be taken with another item.

    given : the table, of any type
    frame : the same as a data frame
    columns : places of the item and of what describes it
    items : data frame of these columns, a row for each code of an item
    """

    given: Any
    frame: pd.DataFrame
    columns: list
    items: pd.DataFrame

    @classmethod
    def of(cls, table, columns, item_ids, sources):
        """Pairs of a table, whose items get these ids by code.

        `sources` are where the columns that describe items are found: tables, the places of these columns, and the code
        of the item of each row, -1 where it is missing. The last row of an item counts.
        """
        frame = as_frame(table)
        items = pd.DataFrame({columns[0]: _as_dtype(item_ids, frame.dtypes.iloc[columns[0]])})
        if len(columns) > 1:
            described = [
                as_frame(source).iloc[:, places].set_axis(columns[1:], axis=1) for source, places, _ in sources
            ]
            rows = np.full(len(item_ids) + 1, MISSING)
            for_each = np.concatenate([codes for *_, codes in sources])
            rows[for_each] = np.arange(len(for_each))
            described = pd.concat(described, ignore_index=True).reindex(rows[:-1])
            items = items.join(described.reset_index(drop=True))
        return cls(table, frame, columns, items)

    def pairs(self, rows, items):
        """Rows of the table with the items of these codes, as a table like the one that was given."""
        frame = self.frame.take(rows).reset_index(drop=True)
        of_items = self.items.take(items).reset_index(drop=True)
        for place in self.columns:
            frame.isetitem(place, of_items[place])
        if isinstance(self.given, pd.DataFrame):
            return frame
        module = type(self.given).__module__.partition(".")[0]
        if module == "polars":
            import polars as pl

            return pl.from_pandas(frame)
        if module == "pyarrow":
            import pyarrow as pa

            return pa.Table.from_pandas(frame, preserve_index=False)
        return frame.to_numpy(dtype=getattr(self.given, "dtype", None))


def as_frame(table):
    """A table of any type as a data frame, with the names of its columns if it has any."""
    frame = with_columns(table, [], [])
    return frame.set_axis(table.columns, axis=1) if isinstance(table, pd.DataFrame) else frame


def _as_dtype(ids, dtype):
    """Ids as a column of a dtype, if they can be one."""
    ids = pd.Series(ids)
    try:
        return ids.astype(dtype)
    except (TypeError, ValueError):  # such as strings that are no numbers
        return ids
