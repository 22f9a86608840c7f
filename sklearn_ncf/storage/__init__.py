"""Where arrays of many rows are stored, and how they are processed part by part."""

from sklearn_ncf.storage._large import blocks_of, is_large, parts_of, shuffle_blocks
from sklearn_ncf.storage._memory import storage_of

__all__ = [
    "blocks_of",
    "is_large",
    "parts_of",
    "shuffle_blocks",
    "storage_of",
]
