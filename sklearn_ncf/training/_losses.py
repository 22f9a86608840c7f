"""Losses over ratings and over lists of one positive and its negatives, with weights."""

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

    Errors count in units of `scale` (rating units); Huber's loss turns from squares to lines at one `scale`. So neither
    learning rate nor weight decay depend on the unit of the ratings.
    """

    def __init__(self, loss: str, scale: float) -> None:
        super().__init__()
        self.row_loss, power = LOSSES[loss]
        self.unit = scale**power
        self.options = {"delta": scale} if loss == "huber" else {}

    def forward(self, predicted: Tensor, ratings: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        ratings = ratings.to(predicted.dtype)
        if sample_weight is None:
            return self.row_loss(predicted, ratings, **self.options) / self.unit
        return (self.row_loss(predicted, ratings, reduction="none", **self.options) * sample_weight).mean() / self.unit

    def in_rating_units(self, loss):
        """The loss as it is reported: of ratings as the user gave them."""
        return loss * self.unit


RANKING_LOSSES = ("squared_error", "softmax", "bce", "bpr")
POSITIVE_WEIGHT = 3.0  # of the squared error, that of a negative being 1


class RankingLoss(nn.Module):
    """The weighted mean loss of a batch of positives, each scored beside its negatives.

    `scale` is there for the sake of `RatingLoss`: scores have no unit.
    """

    def __init__(self, loss: str, scale: float = 1.0) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, lists: Tensor, share: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The loss of scores of shape (n_rows, 1 + n_negatives), the positive's first, -inf where one is excluded.

        `share`, of shape (n_rows,), is how many of the items that a user has not had a negative stands for in a row.
        """
        positive, negatives = lists[:, 0], lists[:, 1:]
        if self.loss == "squared_error":
            errors = negatives.masked_fill(negatives.isneginf(), 0).square().sum(dim=1)
            losses = POSITIVE_WEIGHT * (1 - positive).square() + share * errors
        elif self.loss == "softmax":
            losses = lists.logsumexp(dim=1) - positive
        elif self.loss == "bpr":
            losses = F.softplus(negatives - positive.unsqueeze(1)).sum(dim=1)
        else:
            losses = F.softplus(-positive) + F.softplus(negatives).sum(dim=1)
        return losses.mean() if sample_weight is None else (losses * sample_weight).mean()

    def in_rating_units(self, loss):
        """The loss as it is reported."""
        return loss
