"""From a fitted model or Pipeline to ranked lists of raw ids."""

from sklearn_ncf.lists._callers_frame import as_callers_frame
from sklearn_ncf.lists._id_arguments import ONE, PANDAS, as_list, names_of, read_ids
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
from sklearn_ncf.lists._unwrap import unwrap
from sklearn_ncf.lists._validation import validation_score

__all__ = [
    "METRICS",
    "ONE",
    "PANDAS",
    "SCORES_CHUNK_SIZE",
    "PipelineIdMapper",
    "Rankings",
    "as_callers_frame",
    "as_list",
    "best_columns",
    "hit_rates",
    "names_of",
    "ndcgs",
    "places_among",
    "read_ids",
    "recalls",
    "reciprocal_ranks",
    "unwrap",
    "validation_score",
]
