"""RowwiseAdamW: AdamW whose step costs what its batch touches, however large the tables are."""

import math

import torch
from torch import Tensor, nn

SMALLEST_SHRINKAGE = 1e-30  # a step's weight decay takes away a whole weight at most
FLUSH_CHUNK = 4096  # rows brought up to date at once at the end of an epoch: they stay in the caches


class RowwiseAdamW(torch.optim.Optimizer):
    r"""AdamW (Loshchilov and Hutter 2019) with deferred steps for embedding tables.

    AdamW moves every row of a table at every step: one without a gradient keeps its momentum and shrinks by the
    weight decay. Here such a row is left alone until a batch reads it; `catch_up` then makes up for the :math:`k` steps
    it has missed, in closed form:

    - moments: :math:`m \leftarrow \beta_1^k m, \; v \leftarrow \beta_2^k v`;
    - momentum: :math:`w \leftarrow w - \eta \frac{\hat m}{\sqrt{\hat v}} \sum_{j=1}^{k} (\beta_1 / \sqrt{\beta_2})^j`;
    - decay: :math:`w \leftarrow w \prod_s (1 - \eta_s \lambda)` over the steps :math:`s` missed.

    What differs from AdamW: momentum and moments are made up with the learning rate, betas and bias correction of the
    step at which the row is read, and before the decay of the steps missed, not between them. A row without a missed
    step is treated exactly as AdamW does. So weight decay means the same whatever the size of the table, unlike in
    ``torch.optim.SparseAdam``, which has none, and whose moments stand still between a row's batches.

    The first parameter group holds the dense parameters, stepped by torch's fused AdamW, the second the tables.

    Parameters
    ----------
    params : iterable of Tensors or of parameter groups
        What to train; tables are told apart by `mark_tables`.
    lr, betas, eps, weight_decay
        As in ``torch.optim.AdamW``.

    Attributes
    ----------
    penalties : dict of Tensors of shape (n_rows, 1)
        Of tables, by the parameter: factors of an L2 penalty on rows, in each step that reads them.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        params = [param for group in params for param in (group["params"] if isinstance(group, dict) else [group])]
        tables = [param for param in params if getattr(param, "is_table", False)]
        dense = [param for param in params if not getattr(param, "is_table", False)]
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__([{"params": dense}, {"params": tables}], defaults)
        self.penalties: dict[Tensor, Tensor] = {}
        self._read: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}  # rows in hand, their state and weights
        fused = all(param.device.type in ("cpu", "cuda") for param in dense)
        self._dense = torch.optim.AdamW([{"params": dense}], fused=fused, **defaults)  # there may be none
        # One group for both optimizers: a schedule that sets this one's learning rate sets the other's.
        self.param_groups[0].update(self._dense.param_groups[0])
        self._dense.param_groups = self.param_groups[:1]
        self._dense.state = self.state
        for table in tables:
            # A row's mean and square of gradients, the step it stands at and the decay up to there lie side by side:
            # in a large table each of them would be one more wait for the memory.
            self.state[table] = {
                "step": 0,
                "log_decay": 0.0,
                "rows": torch.zeros(len(table), 2 * table.shape[1] + 2, dtype=table.dtype, device=table.device),
            }

    def __setstate__(self, state):
        super().__setstate__(state)
        self._dense.state, self._dense.param_groups = self.state, self.param_groups[:1]

    @torch.no_grad()
    def catch_up(self, rows: Tensor) -> None:
        """Make up for what `rows` have missed, before they are read; a row may be named more than once."""
        rows, group = rows.unique(), self.param_groups[1]
        for table in group["params"]:
            state, (_, kept, weights) = self.state[table], self._read_rows(table, rows)
            if (kept[:, -2] < state["step"]).any():
                _catch_up(weights, kept, state, group)
                table.index_copy_(0, rows, weights)

    @torch.no_grad()
    def flush(self) -> None:
        """Make up for what all rows have missed."""
        self._put_back()
        group = self.param_groups[1]
        for table in group["params"]:
            state = self.state[table]
            for weights, kept in zip(table.split(FLUSH_CHUNK), state["rows"].split(FLUSH_CHUNK), strict=True):
                _catch_up(weights, kept, state, group)

    @torch.no_grad()
    def step(self, closure=None):
        """Step the dense parameters and the rows with a gradient, which must have been prepared."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        self._dense.step()
        group = self.param_groups[1]
        for table in group["params"]:
            if table.grad is not None:
                grad = table.grad.coalesce()
                rows, kept, weights = self._read_rows(table, grad.indices()[0])
                grad = grad.values()
                if table in self.penalties:
                    grad = torch.addcmul(grad, self.penalties[table].index_select(0, rows), weights)
                _step_rows(weights, kept, grad, self.state[table], group)
                table.index_copy_(0, rows, weights)
        self._put_back()
        return loss

    def _read_rows(self, table: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Some rows of a table, sorted, their state and weights: a step has those that have been caught up."""
        read = self._read.get(table)
        if read is None or not torch.equal(read[0], rows):
            self._put_back(table)
            read = rows, self.state[table]["rows"].index_select(0, rows), table.index_select(0, rows)
            self._read[table] = read
        return read

    def _put_back(self, *tables: Tensor) -> None:
        """Put back the state of the rows in hand, of some tables or of all."""
        for table in tables or list(self._read):
            if table in self._read:
                rows, kept, _ = self._read.pop(table)
                self.state[table]["rows"].index_copy_(0, rows, kept)


def mark_tables(module: nn.Module, *, sparse: bool = True, n_rows: int | None = None) -> list[nn.Embedding]:
    """Give a module's embedding tables sparse gradients, and mark them for `RowwiseAdamW`, or undo it.

    Where `n_rows` is given, tables of another number of rows stay dense.
    """
    tables = [
        table
        for table in module.modules()
        if isinstance(table, nn.Embedding) and (n_rows is None or table.num_embeddings == n_rows)
    ]
    for table in tables:
        table.sparse = table.weight.is_table = sparse
    return tables


def _catch_up(weights: Tensor, kept: Tensor, state: dict, group: dict) -> None:
    """Bring weights of rows, and the state kept of them, from their last step to the table's, in place."""
    beta1, beta2 = group["betas"]
    mean, square, step, log_decay = _parts(kept)
    missed = state["step"] - step
    ratio = beta1 / math.sqrt(beta2)
    travelled = ratio * (1 - ratio**missed) / (1 - ratio)
    move = _direction(mean, square, state["step"], group).mul_(travelled.mul_(group["lr"]))
    weights.sub_(move).mul_((state["log_decay"] - log_decay).exp_())
    mean.mul_(beta1**missed)
    square.mul_(beta2**missed)
    step.fill_(state["step"])
    log_decay.fill_(state["log_decay"])


def _step_rows(weights: Tensor, kept: Tensor, grad: Tensor, state: dict, group: dict) -> None:
    """AdamW's step for rows, in place."""
    beta1, beta2 = group["betas"]
    state["step"] += 1
    shrink = max(1 - group["lr"] * group["weight_decay"], 0.0)
    state["log_decay"] += math.log(max(shrink, SMALLEST_SHRINKAGE))
    mean, square, step, log_decay = _parts(kept)
    mean.lerp_(grad, 1 - beta1)
    square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    step.fill_(state["step"])
    log_decay.fill_(state["log_decay"])
    weights.mul_(shrink).sub_(_direction(mean, square, state["step"], group).mul_(group["lr"]))


def _parts(kept: Tensor) -> tuple[Tensor, ...]:
    """Views of the state of rows: mean, square, step and logarithm of the decay."""
    dim = kept.shape[1] // 2 - 1
    return kept.split((dim, dim, 1, 1), dim=1)


def _direction(mean: Tensor, square: Tensor, step: int, group: dict) -> Tensor:
    """Adam's bias-corrected step for a learning rate of one."""
    beta1, beta2 = group["betas"]
    step = max(step, 1)
    deviation = (square / (1 - beta2**step)).sqrt_().add_(group["eps"])
    return (mean / (1 - beta1**step)).div_(deviation)
