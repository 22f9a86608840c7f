"""From a fitted model or Pipeline to ranked lists of raw ids."""

from sklearn_ncf.lists._callers_frame import as_callers_frame
from sklearn_ncf.lists._history import check_finite, predict_with_history, read_history
from sklearn_ncf.lists._id_arguments import ONE, PANDAS, as_list, names_of, read_ids
from sklearn_ncf.lists._lists import as_frame, best_lists
from sklearn_ncf.lists._pairs import is_pairs, read_pairs
from sklearn_ncf.lists._ranking import (
    METRICS,
    SCORES_CHUNK_SIZE,
    BestOfLists,
    Rankings,
    best_columns,
    best_of_row,
    places_among,
)
from sklearn_ncf.lists._raw_ids import PipelineIdMapper
from sklearn_ncf.lists._requests import Requests, as_id_list, places_among_ids
from sklearn_ncf.lists._selection import Selection
from sklearn_ncf.lists._unwrap import ForeignEstimatorError, unwrap
from sklearn_ncf.lists._validation import validation_score

__all__ = [
    "METRICS",
    "ONE",
    "PANDAS",
    "SCORES_CHUNK_SIZE",
    "BestOfLists",
    "ForeignEstimatorError",
    "PipelineIdMapper",
    "Rankings",
    "Requests",
    "Selection",
    "as_callers_frame",
    "as_frame",
    "as_id_list",
    "as_list",
    "best_columns",
    "best_lists",
    "best_of_row",
    "check_finite",
    "is_pairs",
    "names_of",
    "places_among",
    "places_among_ids",
    "predict_with_history",
    "read_history",
    "read_ids",
    "read_pairs",
    "unwrap",
    "validation_score",
]
