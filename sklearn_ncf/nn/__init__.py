"""Neural collaborative filtering networks: torch alone, integer codes in, one score per row out."""

from sklearn_ncf.nn._cold_start import N_SPECIAL
from sklearn_ncf.nn._cold_start import block_of as block_of  # for the rest of this library, as all that is not below
from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._embedding_nn import ARCHITECTURES, EmbeddingNN
from sklearn_ncf.nn._embedding_nn import bias_of as bias_of
from sklearn_ncf.nn._embedding_nn import reads_standard_rows as reads_standard_rows
from sklearn_ncf.nn._generators import drawing_from as drawing_from
from sklearn_ncf.nn._generators import drawing_no_tables as drawing_no_tables
from sklearn_ncf.nn._generators import generator_on as generator_on
from sklearn_ncf.nn._generators import global_generators_lent as global_generators_lent
from sklearn_ncf.nn._generators import make_generators as make_generators
from sklearn_ncf.nn._generators import replacing_global_generators as replacing_global_generators
from sklearn_ncf.nn._grid import GridScorer
from sklearn_ncf.nn._grid import Shifts as Shifts
from sklearn_ncf.nn._grid import score_shifted as score_shifted
from sklearn_ncf.nn._history import InteractionHistory
from sklearn_ncf.nn._network import ITEM, USER, Network, score_lists
from sklearn_ncf.nn._network import history_of as history_of
from sklearn_ncf.nn._network import of_network as of_network
from sklearn_ncf.nn._network import says_its_rows as says_its_rows
from sklearn_ncf.nn._network import tells_missing_apart as tells_missing_apart
from sklearn_ncf.nn._score_sum import ScoreSum as ScoreSum
from sklearn_ncf.nn._score_sum import is_bilinear as is_bilinear
from sklearn_ncf.nn._score_sum import is_sum as is_sum
from sklearn_ncf.nn._settings import default_settings as default_settings

__all__ = [
    "ARCHITECTURES",
    "ITEM",
    "N_SPECIAL",
    "USER",
    "EmbeddingNN",
    "FastDropout",
    "GridScorer",
    "InteractionHistory",
    "Network",
    "score_lists",
]
