"""Neural collaborative filtering networks: torch alone, integer codes in, one score a row out."""

from sklearn_ncf.nn._cold_start import N_SPECIAL
from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._embedding_nn import ARCHITECTURES, ITEM, READING, USER, EmbeddingNN, keeps
from sklearn_ncf.nn._generators import (
    drawing_from,
    generator_on,
    global_generators_lent,
    make_generators,
    replacing_global_generators,
)
from sklearn_ncf.nn._grid import GridScorer
from sklearn_ncf.nn._history import History
from sklearn_ncf.nn._lists import can_take_part, is_standard, score_lists
from sklearn_ncf.nn._settings import default_settings

__all__ = [
    "ARCHITECTURES",
    "ITEM",
    "N_SPECIAL",
    "READING",
    "USER",
    "EmbeddingNN",
    "FastDropout",
    "GridScorer",
    "History",
    "can_take_part",
    "default_settings",
    "drawing_from",
    "generator_on",
    "global_generators_lent",
    "is_standard",
    "keeps",
    "make_generators",
    "replacing_global_generators",
    "score_lists",
]
