"""Output links: how a score of any size becomes a rating that stays in a range."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

BEND = 0.05  # share of the range in which a soft clip bends at either end
FLAT = 100.0  # bends beyond an end, from which on a soft clip does not change any more
MARGIN = 0.01  # share of the range that the center of ratings keeps from its ends, where scores are infinite


class Sigmoid:
    """A sigmoid scaled to the range; scores have no unit."""

    def __init__(self, low: float, high: float, center: float, scale: float) -> None:
        self.low, self.width = low, high - low
        self.share = min(max((center - low) / self.width, MARGIN), 1 - MARGIN) if self.width > 0 else 0.5

    def __call__(self, score: Tensor) -> Tensor:
        return self.low + self.width * torch.sigmoid(score)

    def score_of_center(self) -> float:
        return math.log(self.share / (1 - self.share))


class SoftClip:
    r"""The identity inside the range, which bends smoothly into its ends.

    :math:`\mathrm{low} + s \, [\mathrm{softplus}((x - \mathrm{low}) / s) - \mathrm{softplus}((x - \mathrm{high}) / s)]`
    with :math:`x` the center plus the score times the scale, and :math:`s` a twentieth of the range. So a bias adds the
    same to a high rating as to a low one, where a sigmoid makes it small for ratings near an end, as most are in many
    data sets.
    """

    def __init__(self, low: float, high: float, center: float, scale: float) -> None:
        self.low, self.high, self.center, self.scale = low, high, center, scale
        self.bend = BEND * (high - low)

    def __call__(self, score: Tensor) -> Tensor:
        if not self.bend:
            return self.low + 0 * score
        if score.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling():
            return _SoftClip.apply(score, self)
        return self.clipped(score)

    @property
    def width_in_bends(self) -> float:
        """Width of the range, in bends."""
        return (self.high - self.low) / self.bend

    def bends_above_low(self, score: Tensor) -> Tensor:
        """How far scores lie above the lower end; the difference of two huge numbers would be rounding alone."""
        above_low = score * (self.scale / self.bend) + (self.center - self.low) / self.bend
        return above_low.clamp(-FLAT, self.width_in_bends + FLAT)

    def clipped(self, score: Tensor) -> Tensor:
        """Ratings from scores."""
        above_low = self.bends_above_low(score)
        clipped = F.softplus(above_low) - F.softplus(above_low - self.width_in_bends)
        return (self.low + self.bend * clipped).clamp(self.low, self.high)

    def score_of_center(self) -> float:
        if not self.bend:
            return 0.0
        width = self.high - self.low
        rating = min(max(self.center - self.low, MARGIN * width), (1 - MARGIN) * width) / self.bend
        above_low = math.log(math.expm1(rating) / -math.expm1(rating - width / self.bend))
        return (self.low + self.bend * above_low - self.center) / self.scale


class _SoftClip(torch.autograd.Function):
    """A soft clip whose gradient takes a third of the operators that autograd strings together."""

    @staticmethod
    def forward(ctx, score: Tensor, link: SoftClip) -> Tensor:
        ctx.save_for_backward(score)
        ctx.link = link
        return link.clipped(score)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        above_low = ctx.link.bends_above_low(ctx.saved_tensors[0])
        slope = torch.sigmoid(above_low) - torch.sigmoid(above_low - ctx.link.width_in_bends)
        return gradient * slope * ctx.link.scale, None


OUTPUT_LINKS = {"sigmoid": Sigmoid, "soft_clip": SoftClip}
