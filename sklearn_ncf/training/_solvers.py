"""Solvers: ways to fit a network other than by gradients."""

import torch
from torch import Tensor, nn

from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._objectives import Objective


class Solver:
    """Fits a network epoch by epoch; callbacks, early stopping and checkpoints come as with gradients.

    A subclass has `sweep`, and passes as the parameter `optimizer` of an estimator.

    Parameters
    ----------
    weight_decay : float, optional
        The parameter of the estimator; None stands for ``"auto"``.
    """

    keeps_biases = True  # False where the network is to be made without
    needs = "another network or loss"  # what `supports` asks for, in words

    def __init__(self, weight_decay: float | None = None) -> None:
        self.weight_decay = weight_decay

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

    def update(
        self, network: nn.Module, pairs: Tensor, weight: Tensor, *, ids: list[Tensor], known: list[Tensor], total: float
    ) -> None:
        """Have the sweeps that follow, those of `partial_fit`, change some ids alone; as it stands, they change all.

        Parameters
        ----------
        network : nn.Module
            The network that the sweeps are for.
        pairs : Tensor of shape (n_pairs, 2), int64
            Codes of all pairs that one of the ids stands in, from earlier rows and new ones, each pair once.
        weight : Tensor of shape (n_pairs,)
            Their weights.
        ids, known : lists of int64 Tensors
            Codes of the ids to change, and of all those that stand in any row, for each column.
        total : float
            Weight of all pairs, including those of other ids.
        """

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
