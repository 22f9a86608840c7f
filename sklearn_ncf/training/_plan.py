"""Plan: how a net is trained, from the parameters of an estimator and the size of its data."""

from dataclasses import dataclass

import torch

from sklearn_ncf.training._objectives import Objective
from sklearn_ncf.training._solvers import is_solver

SMALLEST_BATCH = 32
FEW = 500  # ratings, below which the penalty is that of so many: a handful of ratings should still be learnt


@dataclass(frozen=True)
class Strengths:
    """Strengths of an L2 penalty, in ratings.

    biases : of each column, how many ratings pull a bias halfway from zero to what they say
    vectors : what the objective's strength is multiplied with
    """

    biases: tuple[float, ...]
    vectors: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training is to do.

    objective : class of the loss; scale : what counts as one in it, in rating units
    optimizer : class of optimizers or of solvers
    weight_decay : a number, "auto", or None for none
    positive_weight : how much more an error of a positive counts than one of another pair
    penalty_growth : power of an id's weight with which a solver's penalty grows, or "auto"
    strengths : what the ratings say of ``weight_decay="auto"``; None where the objective says it alone
    n_rows : rows an epoch; n_ratings : rows of all fits, by which "auto" goes
    patience : epochs without improvement before it stops, None for never
    """

    objective: type[Objective]
    scale: float = 1.0
    optimizer: type = torch.optim.Adam
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float | str | None = "auto"
    positive_weight: float = 1.0
    penalty_growth: float | str = "auto"
    strengths: Strengths | None = None
    n_rows: int = 100_000
    n_ratings: int = 100_000
    batch_size: int = 1024
    max_epochs: int = 1
    patience: int | None = None
    device: str = "cpu"
    verbose: int = 0

    @property
    def solves(self) -> bool:
        """Whether a solver fits, not gradients."""
        return is_solver(self.optimizer)

    @property
    def n_penalized(self) -> int:
        """Ratings that share an L2 penalty."""
        return max(self.n_ratings, FEW)

    @property
    def n_batches(self) -> int:
        """Batches an epoch."""
        return -(-self.n_rows // self.batch_size)


def auto_batch_size(n_rows: int, *, n_batches: int = 100, largest: int = 4096) -> int:
    """What ``batch_size="auto"`` stands for: `n_batches` an epoch, or more, so that small data have enough steps."""
    return min(max(n_rows // n_batches, SMALLEST_BATCH), largest)
