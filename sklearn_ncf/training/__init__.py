"""Training: the only place that imports skorch."""

from sklearn_ncf.training._batches import Ratings
from sklearn_ncf.training._callbacks import SCHEDULES, build_callbacks
from sklearn_ncf.training._device import resolve_device
from sklearn_ncf.training._losses import LOSSES
from sklearn_ncf.training._net import build_net, history_of, predict_ratings, train
from sklearn_ncf.training._optimizers import OPTIMIZERS

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Ratings",
    "build_callbacks",
    "build_net",
    "history_of",
    "predict_ratings",
    "resolve_device",
    "train",
]
