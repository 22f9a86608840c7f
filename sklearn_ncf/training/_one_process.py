"""The process that trains: this one alone, unless torch's default process group has several."""

import os

from torch import Tensor, distributed


class OneProcess:
    """Training in this process alone: it decides everything, and computes every batch as a whole."""

    world_size = 1
    is_rank_zero = True

    def broadcast_object(self, value):
        """The first process's value; those of the others are ignored."""
        return value

    def agreed_seed(self, random_state) -> int | None:
        """The seed that the first process draws from its `random_state`; None where there is but one process."""
        return None

    def check_same(self, describe) -> None:
        """Raise `ValueError` in all processes where what they `describe` of their training differs."""

    def in_whole_shares(self, batch_size: int) -> int:
        """A batch size that the processes can share evenly, at least as large."""
        return batch_size

    def local_slice(self, n_rows: int) -> slice:
        """The part of a batch's rows that this process computes."""
        return slice(n_rows)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of the processes' values."""
        return value

    def shared_training(self, net):
        """What makes the processes' steps one, a `SharedTraining`; None where there is but one process."""
        return None


ONE_PROCESS = OneProcess()

if distributed.is_available() and "WORLD_SIZE" in os.environ:  # set by torchrun
    import sklearn_ncf.training._processes  # noqa: F401, before there is a process group, see there


def processes() -> OneProcess:
    """The processes that train together: those of torch's default process group, else this one."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return ONE_PROCESS
    from sklearn_ncf.training._processes import Processes

    return Processes()
