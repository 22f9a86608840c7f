"""Objectives: what training minimises. A new one is one class here, which says all that is particular to it."""

from inspect import signature

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Objective(nn.Module):
    """The weighted mean loss of a batch, a skorch criterion.

    Parameters
    ----------
    scale : float, default=1.0
        What counts as one, in rating units.

    Attributes
    ----------
    l2, bias_l2 : float
        What ``weight_decay="auto"`` stands for: the factors of an L2 penalty on vectors and biases where the losses of
        all rows are summed.
    rating_power : int
        In which power of the rating unit a loss is reported.
    """

    l2 = 20.0
    bias_l2 = 6.0  # a few ratings already say something about a bias
    rating_power = 0

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.unit = scale**self.rating_power

    def in_rating_units(self, loss):
        """The loss as it is reported: of ratings as the user gave them."""
        return loss * self.unit


class RatingObjective(Objective):
    """An objective of ratings; a subclass has `row_loss`.

    Errors count in units of `scale`, so that neither learning rate nor weight decay depend on the unit of the ratings.
    """

    rating_power = 2

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(scale)
        self.scale = scale

    def row_loss(self, predicted: Tensor, ratings: Tensor, reduction: str) -> Tensor:
        """The losses of rows where `reduction` is ``"none"``, their mean where it is ``"mean"``, in rating units."""
        raise NotImplementedError

    def forward(self, predicted: Tensor, ratings: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The loss of ratings of shape (n_rows,)."""
        ratings = ratings.to(predicted.dtype)
        if sample_weight is None:
            return self.row_loss(predicted, ratings, "mean") / self.unit
        return (self.row_loss(predicted, ratings, "none") * sample_weight).mean() / self.unit


class SquaredError(RatingObjective):
    """The square of a rating's error."""

    def row_loss(self, predicted, ratings, reduction):
        return F.mse_loss(predicted, ratings, reduction=reduction)


class AbsoluteError(RatingObjective):
    """A rating's error without its sign."""

    rating_power = 1

    def row_loss(self, predicted, ratings, reduction):
        return F.l1_loss(predicted, ratings, reduction=reduction)


class Huber(RatingObjective):
    """Turns from squares to lines at an error of one `scale`."""

    def row_loss(self, predicted, ratings, reduction):
        return F.huber_loss(predicted, ratings, reduction=reduction, delta=self.scale)


class RankingObjective(Objective):
    """An objective of lists of a positive and its negatives; a subclass has `list_loss`.

    Attributes
    ----------
    shares_negatives : bool
        Whether all positives of a batch have the same negatives, drawn without replacement.
    """

    l2 = bias_l2 = 0.5
    shares_negatives = False

    def list_loss(self, scores: Tensor, share: Tensor) -> Tensor:
        """The losses of lists, of shape (n_rows,).

        Parameters
        ----------
        scores : Tensor of shape (n_rows, 1 + n_negatives)
            The positive's first, then those of its negatives, minus infinity where one is excluded.
        share : Tensor of shape (n_rows,)
            How many of the items that a user has not had a negative stands for in a row.
        """
        raise NotImplementedError

    def forward(self, scores: Tensor, share: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The loss of lists, see `list_loss`."""
        losses = self.list_loss(scores, share)
        return losses.mean() if sample_weight is None else (losses * sample_weight).mean()


class SquaredErrorOfAll(RankingObjective):
    """Draws positives to one and all items that the user has not had to zero (Hu et al. 2008)."""

    l2 = bias_l2 = 60.0
    shares_negatives = True

    def __init__(self, scale: float = 1.0, positive_weight: float = 1.0) -> None:
        super().__init__(scale)
        self.positive_weight = positive_weight  # that of a negative being 1

    def list_loss(self, scores, share):
        positive, negatives = scores[:, 0], scores[:, 1:]
        errors = negatives.masked_fill(negatives.isneginf(), 0).square().sum(dim=1)
        return self.positive_weight * (1 - positive).square() + share * errors


class Softmax(RankingObjective):
    """The negative log of the positive's share in a softmax over the list (Bengio and Senecal 2008)."""

    shares_negatives = True

    def list_loss(self, scores, share):
        return F.cross_entropy(scores, share.new_zeros(len(scores), dtype=torch.int64), reduction="none")


class BCE(RankingObjective):
    """Binary cross-entropy, summed over negatives (He et al. 2017, equation 7)."""

    def list_loss(self, scores, share):
        return F.softplus(-scores[:, 0]) + F.softplus(scores[:, 1:]).sum(dim=1)


class BPR(RankingObjective):
    """The pairwise loss of Bayesian personalised ranking, summed over negatives (Rendle et al. 2009)."""

    def list_loss(self, scores, share):
        return F.softplus(scores[:, 1:] - scores[:, :1]).sum(dim=1)


RATING_OBJECTIVES = {"squared_error": SquaredError, "absolute_error": AbsoluteError, "huber": Huber}
RANKING_OBJECTIVES = {"squared_error": SquaredErrorOfAll, "softmax": Softmax, "bce": BCE, "bpr": BPR}


def weighs_positives(objective: type[Objective]) -> bool:
    """Whether an objective takes the weight of a positive."""
    return "positive_weight" in signature(objective).parameters


def named_objectives(kind: type[Objective]) -> dict[str, type[Objective]]:
    """The objectives of ratings or of rankings by their names."""
    return RANKING_OBJECTIVES if issubclass(kind, RankingObjective) else RATING_OBJECTIVES
