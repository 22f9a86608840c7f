"""IdEstimator: what lists and metrics ask of an estimator, whatever it learns."""

from sklearn.base import BaseEstimator


class IdEstimator(BaseEstimator):
    """An estimator of pairs of a user and an item that takes raw ids.

    When fitted, it has `encoder_`, the `IdEncoder` of the columns of ids, and a fitted model.
    """

    def _fitted_model(self):
        """What was learned, asked by codes as `FittedModel` is: at least all that lists and metrics ask for.

        That is `scores`, `grid_scorer`, `products`, `seen`, `features`, `tells_missing_apart`, `learns_ratings` and
        `targets`.
        """
        raise NotImplementedError

    def _further_users(self):
        """What solves for users from further rows, by a method `solve` as that of `FurtherUsers`."""
        raise NotImplementedError

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags


def fitted_model_of(estimator):
    """What a fitted estimator has learned, apart from its ids."""
    return estimator._fitted_model()


def further_users_of(estimator):
    """What solves for a fitted estimator's users, and for others, from further rows."""
    return estimator._further_users()
