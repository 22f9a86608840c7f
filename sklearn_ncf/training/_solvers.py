"""Solvers: ways to fit a network other than by gradients."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._objectives import Objective

if TYPE_CHECKING:
    from sklearn_ncf.training._plan import Plan
    from sklearn_ncf.training._users import UserRows


class Solver:
    """Fits a network epoch by epoch; callbacks, early stopping and checkpoints come as with gradients.

    A subclass has `sweep`, and passes as the parameter `optimizer` of an estimator.

    Parameters
    ----------
    plan : Plan
        What the parameters of the estimator say: `weight_decay`, `positive_weight` and more, by their names there.
    """

    keeps_biases = True  # False where the network is to be made without
    needs = "another network or loss"  # what `supports` asks for, in words

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan

    @classmethod
    def supports(cls, module: type[nn.Module], module_params: dict, objective: type[Objective]) -> bool:
        """Whether it can fit networks of a class with some parameters to an objective."""
        return True

    def sweep(self, network: nn.Module, data: InteractionDataset) -> float:
        """Go over the data once, without gradients, and return the mean loss of a row.

        ``data.columns()`` gives codes of shape (n_rows, n_columns), targets of shape (n_rows,), in rankings ones, and,
        where there are any, weights of shape (n_rows,), of mean one.
        """
        raise NotImplementedError

    def update(self, network: nn.Module, interactions: Interactions, ids: list[np.ndarray]) -> None:
        """Have the sweeps that follow, those of `partial_fit`, change some ids alone; as it stands, they change all.

        Parameters
        ----------
        network : nn.Module
            The network that the sweeps are for.
        interactions : Interactions
            All pairs of earlier rows and new ones, each once, with their weights. ``interactions.by_user`` and
            ``by_item`` are sparse matrices of these weights, a row per code, those of missing and unknown ids first.
        ids : list of int64 arrays
            Codes of the ids to change, for each column.
        """

    @classmethod
    def users(cls, network: nn.Module, plan: "Plan", pairs: Interactions) -> Callable[["UserRows"], Tensor] | None:
        """What solves for the vectors of users from further rows, for `history=`; None for ridge regressions.

        It gets rows of users as `UserRows` and returns how far from its row in the tables of `network`, which stays as
        it is, each user is to be. `pairs` are all pairs of training, as in `update`.
        """
        return None

    def user_parts(
        self, network: nn.Module, interactions: Interactions, users: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor, Tensor] | None:
        """What the vectors of some users are the sum of, but for a remainder; None where that cannot be said.

        Returns, for each interaction, its user's position among `users`, the code of its item and its part, of shape
        (n_interactions, dim), then the part of the average user, of shape (n_users, dim).

        Parameters
        ----------
        network : nn.Module
            The fitted network.
        interactions : Interactions
            All pairs that it was fitted to, each once, with their weights.
        users : int64 array
            Codes of users who stand in some of the pairs.
        """
        return None

    def end_training(self) -> None:
        """Release what only training needs."""


class NoSteps(torch.optim.Optimizer):
    """The optimizer that skorch asks for where a solver fits: it does nothing."""

    def __init__(self, params, lr: float = 0.0) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        """Do nothing."""


def is_solver(optimizer: str | type) -> bool:
    """Whether a value of the parameter `optimizer` is a class of solvers."""
    return isinstance(optimizer, type) and issubclass(optimizer, Solver)
