"""Losses over ratings, with weights, in units of the ratings' spread: so they mean the same on every rating scale."""

from torch import Tensor, nn
from torch.nn import functional as F

LOSSES = {
    # name: (loss of a row, power of the rating unit that it is measured in)
    "squared_error": (F.mse_loss, 2),
    "absolute_error": (F.l1_loss, 1),
    "huber": (F.huber_loss, 2),
}


class RatingLoss(nn.Module):
    """The weighted mean loss of a batch.

    Errors are divided by `scale` (rating units) first; Huber's loss turns from squares to lines at one `scale`. So
    neither learning rate nor weight decay depend on the unit of the ratings.
    """

    def __init__(self, loss: str, scale: float) -> None:
        super().__init__()
        self.row_loss, self._power = LOSSES[loss]
        self.scale = scale

    def forward(self, predicted: Tensor, ratings: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        predicted, ratings = predicted / self.scale, ratings / self.scale
        if sample_weight is None:
            return self.row_loss(predicted, ratings)
        return (self.row_loss(predicted, ratings, reduction="none") * sample_weight).mean()

    def in_rating_units(self, loss):
        """The loss as it is reported: of ratings as the user gave them."""
        return loss * self.scale**self._power
