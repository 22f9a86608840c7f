"""From tables of any kind to columns of distinct ids, and from ids to codes."""

from sklearn_ncf.encoding._columns import MISSING, as_objects, as_table_name, chunks_of, kinds_of, read_table, take_rows
from sklearn_ncf.encoding._containers import as_local, as_numbers
from sklearn_ncf.encoding._id_columns import as_series, is_missing, take_as_series
from sklearn_ncf.encoding._unknown_ids import UnknownIds, shown
from sklearn_ncf.encoding._vocabulary import Vocabulary

__all__ = [
    "MISSING",
    "UnknownIds",
    "Vocabulary",
    "as_local",
    "as_numbers",
    "as_objects",
    "as_series",
    "as_table_name",
    "chunks_of",
    "is_missing",
    "kinds_of",
    "read_table",
    "shown",
    "take_as_series",
    "take_rows",
]
