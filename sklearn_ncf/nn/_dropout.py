"""Dropout that spends little on random numbers."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ncf.nn._generators import generator_on

STEPS = 256  # values of a byte: the keep probability comes in steps of 1 / STEPS
MASKS_AHEAD = 16  # drawn at once for the calls to come,
COMPONENTS_AHEAD = 2**19  # unless they would leave the caches
TOLERANCE = 0.05  # relative error of the dropped or the kept share that a byte may bring in


class FastDropout(nn.Module):
    """Dropout (Srivastava et al. 2014) whose masks cost an eighth of a random number a component.

    torch draws one random number for each component, which takes nearly half of the training time of a small network
    on a CPU. Here a random 64-bit integer gives eight bytes, and a component is kept where its byte is below a
    threshold; a half, a quarter or a sixteenth needs but a part of a byte. The share of dropped components comes in
    steps of 1/256; what is kept is scaled by the inverse of the share that is really kept, so that the expectation is
    exact. Where a step is too coarse for `p`, and on devices
    other than the CPU, each component takes its own number, as in torch's dropout.

    The integers come from numpy's SFC64, several times as fast as torch's generator, which seeds it: what
    ``torch.manual_seed`` fixes is fixed here too. Small masks are drawn some calls ahead; ``eval()`` forgets them.

    Parameters
    ----------
    p : float, default=0.5
        Share of components dropped in training, in [0, 1).

    Attributes
    ----------
    ahead : Tensor or None
        The masks drawn ahead, one behind the other.

    References
    ----------
    Srivastava, N., G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov (2014). "Dropout: A Simple Way to Prevent
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
        self.p = p = float(p)
        self.n_kept = round((1 - p) * STEPS)
        dropped = 1 - self.n_kept / STEPS
        self.bytes_do = self.n_kept > 0 and abs(dropped - p) <= TOLERANCE * min(p, 1 - p)
        self.n_in_byte = next((n for n in (8, 4, 2) if self.n_kept * 2 ** (8 // n) % STEPS == 0), 1)  # components
        self.ahead: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop components at random in training, return `x` itself otherwise."""
        if self.training and self.p and not (self.bytes_do and x.device.type == "cpu"):
            return self._torch_dropout(x)
        mask = self.mask(x)
        return x if mask is None else x * mask

    def mask(self, x: Tensor) -> Tensor | None:
        """What the components of `x`, on a CPU, are multiplied with, if bytes do; None where nothing is dropped."""
        if not self.training or self.p == 0:
            return None
        n = x.numel()
        if self.ahead is None or len(self.ahead) < n or self.ahead.dtype != x.dtype:
            self.ahead = self._draw(max(n, min(MASKS_AHEAD * n, COMPONENTS_AHEAD)), x.dtype)
        mask, self.ahead = self.ahead[:n], self.ahead[n:]
        return mask.view(x.shape)

    def train(self, mode: bool = True) -> "FastDropout":
        """Switch dropout on or off; off forgets the masks drawn ahead."""
        if not mode:
            self.ahead = None
        return super().train(mode)

    def extra_repr(self) -> str:
        """Show `p` in the module's repr."""
        return f"p={self.p}"

    def _torch_dropout(self, x: Tensor) -> Tensor:
        generator = generator_on(x.device)
        if generator is None:
            return F.dropout(x, self.p, training=True)
        return x * torch.empty_like(x).bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)

    def _draw(self, n: int, dtype: torch.dtype) -> Tensor:
        n_bytes = -(-n // self.n_in_byte)
        seed = torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator_on("cpu")).item()
        drawn = torch.from_numpy(np.random.SFC64(seed).random_raw(-(-n_bytes // 8)).view(np.uint8)[:n_bytes])
        scale = STEPS / self.n_kept
        if self.n_in_byte == 1:
            # 1 where byte < n_kept, else 0. Comparisons are not vectorised on the CPU, these are.
            return drawn.clamp_(self.n_kept - 1, self.n_kept).neg_().add_(self.n_kept).to(dtype).mul_(scale)
        table = _kept_by_byte(self.n_kept, self.n_in_byte).to(dtype) * scale
        return F.embedding(drawn.int(), table).flatten()[:n]


@cache
def _kept_by_byte(n_kept: int, n_in_byte: int) -> Tensor:
    """Which of the components that share a byte are kept, for each value of the byte."""
    parts = torch.arange(STEPS, device="cpu").unsqueeze(1) >> torch.arange(0, 8, 8 // n_in_byte, device="cpu")
    n_values = 2 ** (8 // n_in_byte)
    return parts % n_values < n_kept * n_values // STEPS
