"""Training in several processes, started by torchrun: each takes a share of every batch, all take the same step."""

import inspect
import math
from collections.abc import Callable

import torch

# Torch's own wrapper imports this when it is made. Its defaults then hold the process group for good, whose threads run
# on while the interpreter ends, and now and then abort it; imported before there is a group, they hold None.
import torch.distributed.nn
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from sklearn_ncf._random import drawn_seed
from sklearn_ncf.nn import history_of, says_its_rows
from sklearn_ncf.training._one_process import OneProcess
from sklearn_ncf.training._rowwise import RowwiseAdamW, mark_tables

# A forward pass exchanges no buffers; the parameter has another name since torch 2.13.
_NAMES = inspect.signature(DistributedDataParallel).parameters
NO_BUFFERS = {"forward_sync_buffers" if "forward_sync_buffers" in _NAMES else "broadcast_buffers": False}


class Processes(OneProcess):
    """Training in the processes of torch's default process group."""

    @property
    def world_size(self) -> int:
        """How many processes train together."""
        return distributed.get_world_size()

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return distributed.get_rank() == 0

    def broadcast_object(self, value):
        values = [value]
        if self.world_size > 1:
            distributed.broadcast_object_list(values, src=0)
        return values[0]

    def agreed_seed(self, random_state) -> int | None:
        return self.broadcast_object(drawn_seed(random_state)) if self.world_size > 1 else None

    def check_same(self, describe: Callable[[], str]) -> None:
        if self.world_size > 1:
            descriptions = [""] * self.world_size
            distributed.all_gather_object(descriptions, describe())
            if len(set(descriptions)) > 1:
                raise ValueError(
                    "The processes of this training have different rows or parameters. Call fit with the same ones in "
                    "each of them: it shares the rows out itself."
                )

    def in_whole_shares(self, batch_size: int) -> int:
        return -(-batch_size // self.world_size) * self.world_size

    def local_slice(self, n_rows: int) -> slice:
        n = self.world_size
        if n_rows % n:  # then each process computes all of them
            return slice(n_rows)
        return slice(distributed.get_rank() * (n_rows // n), (distributed.get_rank() + 1) * (n_rows // n))

    def mean(self, value: Tensor) -> Tensor:
        mean = value.to("cuda", copy=True) if distributed.get_backend() == "nccl" else value.clone()
        distributed.all_reduce(mean)
        return (mean / self.world_size).to(value.device)

    def shared_training(self, net) -> "SharedTraining | None":
        return SharedTraining(net) if self.world_size > 1 else None


class SharedTraining:
    """What makes the processes' steps one: gradients are averaged before each.

    Those of dense parameters by torch's `DistributedDataParallel`; those of embedding tables as the rows that a batch
    names, and what the histories have gathered, before each of their own steps, as the rows that batches have named
    since the last one. So what is exchanged does not grow with the tables. All processes draw the same random numbers
    and so the same batches; what a step adds up is then the same in each of them, to the bit.

    Parameters
    ----------
    net : NCFNet
        Initialized; its network gets the first process's weights.
    """

    def __init__(self, net) -> None:
        module = net.module_
        for tensor in [*module.parameters(), *module.buffers()]:
            distributed.broadcast(tensor.data, src=0)
        self.module = module
        self.rowwise = net.optimizer_ if isinstance(net.optimizer_, RowwiseAdamW) else None
        history = history_of(module)
        self.tables: list[nn.Parameter] = []
        if says_its_rows(type(module)):  # as for row-wise steps: only where it is known which rows are read
            if self.rowwise is None:
                mark_tables(module)
            self.tables = [parameter for parameter in module.parameters() if getattr(parameter, "is_table", False)]
        by_rows = {id(table) for table in self.tables}
        if history is not None:
            history.average = average_rows
            by_rows.add(id(history.weight))
        names = [name for name, parameter in module.named_parameters(prefix="module") if id(parameter) in by_rows]
        self.call: nn.Module = _Call(module)
        if any(parameter.requires_grad and id(parameter) not in by_rows for parameter in module.parameters()):
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(self.call, names)
            self.call = DistributedDataParallel(self.call, **NO_BUFFERS)

    def average_gradients(self) -> None:
        """After the backward pass: exchange the tables' rows."""
        tables = [table for table in self.tables if table.grad is not None]
        gradients = [table.grad.coalesce() for table in tables]
        exchanged = gathered([(gradient.indices()[0], gradient.values()) for gradient in gradients])
        for table, (rows, values) in zip(tables, exchanged, strict=True):
            if self.rowwise is None:
                table.grad = torch.zeros_like(table).index_add_(0, rows, values)
            else:
                self.rowwise.catch_up(rows)  # those that the other processes have read
                table.grad = torch.sparse_coo_tensor(rows[None], values, table.shape, check_invariants=False)

    def end(self) -> None:
        """Give every process the first one's weights, which differ by rounding at most, and leave the module alone."""
        for tensor in [*self.module.parameters(), *self.module.buffers()]:
            distributed.broadcast(tensor.data, src=0)
        if self.rowwise is None:
            mark_tables(self.module, sparse=False)


def average_rows(tables: list[Tensor]) -> None:
    """Average tables over the processes, in place, by the rows in which there is anything."""
    touched = [table.any(1).nonzero()[:, 0] for table in tables]
    exchanged = gathered([(rows, table[rows]) for rows, table in zip(touched, tables, strict=True)])
    for table, (rows, values) in zip(tables, exchanged, strict=True):
        table.zero_().index_add_(0, rows, values)


def gathered(pairs: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Rows and gradients of all processes, one behind the other, the gradients divided by how many they are."""
    if not pairs:
        return []
    rows, gradients = zip(*pairs, strict=True)
    sizes = _gathered(torch.tensor([[len(part) for part in rows]], device=rows[0].device))
    everywhere = _in_one_message(gradients, sizes)
    return list(
        zip(_in_one_message(rows, sizes), [part / distributed.get_world_size() for part in everywhere], strict=True)
    )


def _in_one_message(parts: tuple[Tensor, ...], sizes: Tensor) -> list[Tensor]:
    """Each of some parts from all processes; `sizes` holds their lengths, of shape (n_processes, n_parts)."""
    counts = sizes.cpu() * torch.tensor([math.prod(part.shape[1:]) for part in parts])
    longest = int(counts.sum(1).max())
    mine = torch.cat([part.flatten() for part in parts])
    everywhere = _gathered(functional.pad(mine, (0, longest - len(mine)))).chunk(distributed.get_world_size())
    split = [numbers[: sum(n)].split(n) for numbers, n in zip(everywhere, counts.tolist(), strict=True)]
    return [
        torch.cat(of_all).view(-1, *part.shape[1:])
        for part, of_all in zip(parts, zip(*split, strict=True), strict=True)
    ]


def _gathered(part: Tensor) -> Tensor:
    """The tensors of all processes, which are of one shape, one behind the other."""
    everywhere = part.new_empty(distributed.get_world_size() * len(part), *part.shape[1:])
    # The function has another name since torch 2.13.
    all_gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor
    all_gather(everywhere, part.contiguous())
    return everywhere


class _Call(nn.Module):
    """Calls a function of the module that it holds, so that what the function computes is a forward pass."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, function, *args):
        return function(*args)
