"""Training: the only place that imports skorch."""

from sklearn_ncf.training._anchor import Anchor
from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._callback_copies import copy_callbacks
from sklearn_ncf.training._callbacks import SCHEDULES, build_callbacks, is_callback, undefined_score
from sklearn_ncf.training._checkpoints import Checkpoints, NoCheckpoints
from sklearn_ncf.training._device import resolve_device
from sklearn_ncf.training._fold_in import FoldIn
from sklearn_ncf.training._memory import check_memory
from sklearn_ncf.training._negatives import NegativeSampler
from sklearn_ncf.training._net import as_tensors, best_epoch_of, build_net, history_of, train
from sklearn_ncf.training._objectives import (
    RANKING_OBJECTIVES,
    RATING_OBJECTIVES,
    Objective,
    RankingObjective,
    RatingObjective,
    named_objectives,
    weighs_positives,
)
from sklearn_ncf.training._one_process import processes
from sklearn_ncf.training._optimizers import (
    OPTIMIZERS,
    SOLVERS,
    chosen_optimizer,
    chosen_solver,
    has_weight_decay,
    takes_strengths,
)
from sklearn_ncf.training._plan import Plan, Strengths, auto_batch_size
from sklearn_ncf.training._prediction import predict_ratings
from sklearn_ncf.training._shrinkage import estimate_strengths
from sklearn_ncf.training._solvers import Solver, is_solver
from sklearn_ncf.training._users import RidgeOfUsers, UserRows

__all__ = [
    "OPTIMIZERS",
    "RANKING_OBJECTIVES",
    "RATING_OBJECTIVES",
    "SCHEDULES",
    "SOLVERS",
    "Anchor",
    "Checkpoints",
    "FoldIn",
    "InteractionDataset",
    "NegativeSampler",
    "NoCheckpoints",
    "Objective",
    "Plan",
    "RankingObjective",
    "RatingObjective",
    "RidgeOfUsers",
    "Solver",
    "Strengths",
    "UserRows",
    "as_tensors",
    "auto_batch_size",
    "best_epoch_of",
    "build_callbacks",
    "build_net",
    "check_memory",
    "chosen_optimizer",
    "chosen_solver",
    "copy_callbacks",
    "estimate_strengths",
    "has_weight_decay",
    "history_of",
    "is_callback",
    "is_solver",
    "named_objectives",
    "predict_ratings",
    "processes",
    "resolve_device",
    "takes_strengths",
    "train",
    "undefined_score",
    "weighs_positives",
]
