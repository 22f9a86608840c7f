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
        width = (self.high - self.low) / self.bend
        above_low = (score * self.scale + (self.center - self.low)) / self.bend
        above_low = above_low.clamp(-FLAT, width + FLAT)  # the difference of two huge numbers would be rounding alone
        clipped = F.softplus(above_low) - F.softplus(above_low - width)
        return (self.low + self.bend * clipped).clamp(self.low, self.high)

    def score_of_center(self) -> float:
        if not self.bend:
            return 0.0
        width = self.high - self.low
        rating = min(max(self.center - self.low, MARGIN * width), (1 - MARGIN) * width) / self.bend
        above_low = math.log(math.expm1(rating) / -math.expm1(rating - width / self.bend))
        return (self.low + self.bend * above_low - self.center) / self.scale


OUTPUT_LINKS = {"sigmoid": Sigmoid, "soft_clip": SoftClip}
