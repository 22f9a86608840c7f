"""ColumnRoles: which columns of a table are ids, and which are features of users or of items."""

from typing import NamedTuple

from sklearn_ncf.encoding import as_table_name, find_columns, take_columns
from sklearn_ncf.features._frames import feature_frame

USER, ITEM = 0, 1
PARAMETERS = {USER: "user_features", ITEM: "item_features"}
N_IDS = 2  # columns at least: users and items


class ColumnRoles(NamedTuple):
    """The columns of a table, by their places.

    names : names of all columns, None where they have none
    ids : the columns of ids: users, items, then context
    features : dict from USER and ITEM to the columns of features, where there are any
    numeric : columns of features that are numbers though they hold integers
    ignored : columns that are neither ids nor features
    """

    names: list | None
    ids: list[int]
    features: dict[int, list[int]]
    numeric: list[int]
    ignored: tuple[int, ...] = ()

    def id_table(self, X):
        """The columns of ids, as a table of the same type."""
        return take_columns(X, self.ids) if self.features or self.ignored else X

    def frame(self, X, side, rows):
        """The features of one side in some rows of a table, as a data frame."""
        return feature_frame(X, self.features[side], self.feature_names(side), rows)

    def feature_names(self, side):
        """The names of one side's features: their places where the columns have no names."""
        return [self.name(column) for column in self.features[side]]

    def name(self, column):
        """The name of a column, its place where the columns have none."""
        return column if self.names is None else self.names[column]


def roles_of(header, params):
    """The roles of a table's columns, from its header (see `read_table`) and the parameters of an estimator."""
    names = list(header.columns) if hasattr(header, "columns") else None
    n_columns = header.shape[1]
    features, taken = {}, {}
    for side, parameter in PARAMETERS.items():
        columns = find_columns(params[parameter], header, parameter)
        for column in columns:
            if column in taken:
                raise ValueError(
                    f"{as_table_name(names, column).capitalize()} is named in {taken[column]} and in {parameter}; a "
                    "feature is one of users or one of items."
                )
            taken[column] = parameter
        if columns:
            features[side] = columns
    numeric = find_columns(params["numeric_features"], header, "numeric_features")
    for column in numeric:
        if column not in taken:
            raise ValueError(
                f"numeric_features names {as_table_name(names, column)}, which is no feature; name it in user_features "
                "or item_features too."
            )
    ids = [column for column in range(n_columns) if column not in taken]
    if features and len(ids) < N_IDS:
        raise ValueError(
            f"X must have two columns of ids, users and items, besides its features; got {len(ids)}, with "
            f"{len(taken)} of {n_columns} columns named as features."
        )
    return ColumnRoles(names, ids, features, numeric)
