"""From a fitted model or Pipeline to ranked lists of raw ids."""

from sklearn_ncf.lists._history import check_finite, predict_with_history, read_history
from sklearn_ncf.lists._id_arguments import ONE, PANDAS, as_list, names_of, read_ids
from sklearn_ncf.lists._lists import as_frame, best_lists
from sklearn_ncf.lists._pairs import is_pairs, read_pairs
from sklearn_ncf.lists._ranking import (
    METRICS,
    SCORES_CHUNK_SIZE,
    Rankings,
    best_columns,
    hit_rates,
    ndcgs,
    places_among,
    recalls,
    reciprocal_ranks,
)
from sklearn_ncf.lists._raw_ids import PipelineIdMapper
from sklearn_ncf.lists._requests import Requests, places_among_ids
from sklearn_ncf.lists._selection import Selection
from sklearn_ncf.lists._unwrap import unwrap
from sklearn_ncf.lists._validation import validation_score

__all__ = [
    "METRICS",
    "ONE",
    "PANDAS",
    "SCORES_CHUNK_SIZE",
    "PipelineIdMapper",
    "Rankings",
    "Requests",
    "Selection",
    "as_frame",
    "as_list",
    "best_columns",
    "best_lists",
    "check_finite",
    "hit_rates",
    "is_pairs",
    "names_of",
    "ndcgs",
    "places_among",
    "places_among_ids",
    "predict_with_history",
    "read_history",
    "read_ids",
    "read_pairs",
    "recalls",
    "reciprocal_ranks",
    "unwrap",
    "validation_score",
]
