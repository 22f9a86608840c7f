"""Training: the only place that imports skorch."""

from sklearn_ncf.training._anchor import Anchor
from sklearn_ncf.training._batches import Ratings
from sklearn_ncf.training._callbacks import SCHEDULES, build_callbacks, is_callback
from sklearn_ncf.training._checkpoints import Checkpoints
from sklearn_ncf.training._device import resolve_device
from sklearn_ncf.training._losses import LOSSES, RANKING_LOSSES, RankingLoss
from sklearn_ncf.training._memory import check_memory
from sklearn_ncf.training._negatives import NegativeSampler
from sklearn_ncf.training._net import as_tensors, best_epoch_of, build_net, history_of, predict_ratings, train
from sklearn_ncf.training._optimizers import OPTIMIZERS, optimizer_class

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "RANKING_LOSSES",
    "SCHEDULES",
    "Anchor",
    "Checkpoints",
    "NegativeSampler",
    "RankingLoss",
    "Ratings",
    "as_tensors",
    "best_epoch_of",
    "build_callbacks",
    "build_net",
    "check_memory",
    "history_of",
    "is_callback",
    "optimizer_class",
    "predict_ratings",
    "resolve_device",
    "train",
]
