"""Encoded rows, and what those of all fits have shown."""

from sklearn_ncf.interactions._interactions import Interactions
from sklearn_ncf.interactions._seen import Seen, SeenByUser, expanded

__all__ = [
    "Interactions",
    "Seen",
    "SeenByUser",
    "expanded",
]
