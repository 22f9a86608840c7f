"""From a fitted model or Pipeline to ranked lists of raw ids."""

from sklearn_ncf.lists._id_arguments import ONE, PANDAS, as_list, names_of, read_ids
from sklearn_ncf.lists._ranking import (
    METRICS,
    SCORES_CHUNK_SIZE,
    BestOfLists,
    Rankings,
    best_columns,
    places_among,
)
from sklearn_ncf.lists._raw_ids import PipelineIdMapper
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
    "as_list",
    "best_columns",
    "names_of",
    "places_among",
    "read_ids",
    "unwrap",
    "validation_score",
]
