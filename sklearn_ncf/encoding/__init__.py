"""From tables of any kind to columns of distinct ids, and from ids to codes."""

from sklearn_ncf.encoding._codes import check_dtype_of_codes, decode_column, encode_column, join_columns, least_count
from sklearn_ncf.encoding._columns import (
    MISSING,
    Column,
    as_objects,
    as_table_name,
    kinds_of,
    read_column,
    read_table,
)
from sklearn_ncf.encoding._containers import as_local, as_numbers, narwhals_frame, narwhals_series
from sklearn_ncf.encoding._id_columns import as_series, is_missing, take_as_series
from sklearn_ncf.encoding._passthrough import columns_without, find_columns, with_columns
from sklearn_ncf.encoding._plain_ids import KEPT, pack_ids, unpack_ids
from sklearn_ncf.encoding._selection import chunks_of, take_columns, take_rows
from sklearn_ncf.encoding._unknown_ids import UnknownIds, shown
from sklearn_ncf.encoding._vocabulary import Vocabulary

__all__ = [
    "KEPT",
    "MISSING",
    "Column",
    "UnknownIds",
    "Vocabulary",
    "as_local",
    "as_numbers",
    "as_objects",
    "as_series",
    "as_table_name",
    "check_dtype_of_codes",
    "chunks_of",
    "columns_without",
    "decode_column",
    "encode_column",
    "find_columns",
    "is_missing",
    "join_columns",
    "kinds_of",
    "least_count",
    "narwhals_frame",
    "narwhals_series",
    "pack_ids",
    "read_column",
    "read_table",
    "shown",
    "take_as_series",
    "take_columns",
    "take_rows",
    "unpack_ids",
    "with_columns",
]
