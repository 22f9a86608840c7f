"""Dropout that spends little on random numbers."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEPS = 256  # values of a byte: the keep probability comes in steps of 1 / STEPS
TOLERANCE = 0.05  # relative error of the dropped or the kept share that a byte may bring in


class FastDropout(nn.Module):
    """Dropout (Srivastava et al. 2014) whose masks cost an eighth of a random number a component.

    torch draws one random number for each component, which takes nearly half of the training time of a small network
    on a CPU. Here a random 64-bit integer gives eight bytes, and a component is kept where its byte is below a
    threshold. The share of dropped components comes in steps of 1/256; what is kept is scaled by the inverse of the
    share that is really kept, so that the expectation is exact. Where a step is too coarse for `p`, and on devices
    other than the CPU, it is torch's own dropout.

    Parameters
    ----------
    p : float, default=0.5
        Share of components dropped in training, in [0, 1).

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov (2014). "Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting", JMLR 15.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ncf.nn import FastDropout
    >>> _ = torch.manual_seed(0)
    >>> dropout = FastDropout(0.25)
    >>> kept = dropout(torch.ones(100_000))
    >>> kept.unique()
    tensor([0.0000, 1.3333])
    >>> round((kept == 0).float().mean().item(), 2)
    0.25
    >>> dropout.eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p={p} must be at least 0 and less than 1.")
        self.p = p
        self.n_kept = round((1 - p) * STEPS)
        dropped = 1 - self.n_kept / STEPS
        self.bytes_do = self.n_kept > 0 and abs(dropped - p) <= TOLERANCE * min(p, 1 - p)

    def forward(self, x: Tensor) -> Tensor:
        """Drop components at random in training, return `x` itself otherwise."""
        if not self.training or self.p == 0:
            return x
        if not self.bytes_do or x.device.type != "cpu":
            return F.dropout(x, self.p, training=True)
        return x * self._mask(x)

    def extra_repr(self) -> str:
        """Show `p` in the module's repr."""
        return f"p={self.p}"

    def _mask(self, x: Tensor) -> Tensor:
        n = x.numel()
        # From the lowest number on: random_() alone leaves the sign bit, an eighth of the bytes' high bits, at zero.
        numbers = torch.empty(-(-n // 8), dtype=torch.int64).random_(-(2**63), None)
        mask = numbers.view(torch.uint8)[:n].view(x.shape).to(x.dtype)
        # 1 where byte < n_kept, else 0. Comparisons are not vectorised on the CPU, these are.
        return mask.neg_().add_(self.n_kept).clamp_(0, 1).mul_(STEPS / self.n_kept)
