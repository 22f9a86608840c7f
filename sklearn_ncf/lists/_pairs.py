"""Tables of a user and an item per row, as arguments: candidates and exclusions per user, and histories."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING, Column, Vocabulary
from sklearn_ncf.interactions import expanded
from sklearn_ncf.lists._id_arguments import column_of, is_table, names_of, parts_of_rows, plain, read_ids
from sklearn_ncf.nn import ITEM


class IdPairs(NamedTuple):
    """Users and items of an argument, a pair per row; `others` are its further columns by name, as they came."""

    users: Column
    items: Column
    others: dict

    def distinct_users(self):
        """The raw users, in order of appearance."""
        return self.users.ids[pd.unique(self.users.positions)]

    def places(self, users, items):
        """The pairs of which both are among some raw ids, each once: the places of both, in their order.

        A user may be there several times, with different contexts.
        """
        of_users = Vocabulary(self.users.ids).codes(users)
        of_items = Vocabulary(items).codes(self.items.ids)[self.items.positions]
        order = np.argsort(self.users.positions, kind="stable")
        owners, of_items = self.users.positions[order], of_items[order]
        first, last = (np.searchsorted(owners, of_users, side=side) for side in ("left", "right"))
        rows, pairs = expanded(first, last)  # an unknown user stands before all owners: an empty range
        columns = of_items[pairs]
        found = columns != MISSING
        keys = np.sort(rows[found] * len(items) + columns[found])  # numpy's own `unique` takes a hundred times as long
        return divmod(keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]], max(1, len(items)))


def is_pairs(values, ids):
    """Whether an argument for ids of items is a table of users and items; `ids` is the `PipelineIdMapper`."""
    values = plain(values, "items")
    names = names_of(values)
    if names is not None:
        return all(name in names for name in ids.names[:2]) or (ids.fit_names is None and len(names) == 2)
    if isinstance(values, np.ndarray):
        return values.ndim == 2 and values.shape[1] == 2
    return is_table(values, ids.known_ids(ITEM)) and all(len(row) == 2 for row in values)


def read_pairs(values, ids, name, further=()):
    """An argument as `IdPairs`; `further` names the columns that may follow where columns have no names."""
    values = plain(values, name)
    names, wanted = names_of(values), ids.names[:2]
    if names is not None and (ids.fit_names is not None or all(column in names for column in wanted)):
        columns = [column_of(values, column, name) for column in wanted]
        others = {column: column_of(values, column, name) for column in names if column not in wanted}
    else:
        columns = parts_of_rows(values, name)
        if not 2 <= len(columns) <= 2 + len(further):
            expected = ", ".join([*map(repr, wanted), *(f"[{column}]" for column in further)])
            raise ValueError(f"{name}, as a table without names of columns, must have {expected}; got {len(columns)}.")
        others = dict(zip(further, columns[2:], strict=False))
        columns = columns[:2]
    users, items = (read_ids(column, name) for column in columns)
    for j, of_column in enumerate((users, items)):
        if (of_column.positions == MISSING).any():
            raise ValueError(f"{name} holds missing ids in column {wanted[j]!r}; remove these rows.")
        ids.codes_of(j, of_column.ids)  # refuses ids of another type than in fit
    return IdPairs(users, items, others)
