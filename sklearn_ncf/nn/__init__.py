"""Neural collaborative filtering networks: torch alone, integer codes in, one score a row out."""

from sklearn_ncf.nn._cold_start import N_SPECIAL
from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._embedding_nn import ARCHITECTURES, ITEM, USER, EmbeddingNN
from sklearn_ncf.nn._grid import GridScorer
from sklearn_ncf.nn._history import History
from sklearn_ncf.nn._lists import score_lists

__all__ = [
    "ARCHITECTURES",
    "ITEM",
    "N_SPECIAL",
    "USER",
    "EmbeddingNN",
    "FastDropout",
    "GridScorer",
    "History",
    "score_lists",
]
