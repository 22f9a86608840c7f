"""BiasRegressor: ratings as a mean, a bias of the user and a bias of the item."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin

from sklearn_ncf._sklearn_compat import Interval, fit_context
from sklearn_ncf.dummy._baseline import Baseline
from sklearn_ncf.dummy._effects import Effects
from sklearn_ncf.fitting import check_ratings, check_weight
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER

TOLERANCE = 1e-10  # of a solution, compared with the right side
MOST_STEPS = 500  # ten are usual; many more are needed without shrinkage alone


class BiasRegressor(RegressorMixin, Baseline):
    r"""Predict ratings by biases: the mean rating, how generous the user is, and how well the item is liked.

    What a model of tastes has to beat. The biases are a ridge regression on one-hot users and items, solved exactly.

    Parameters
    ----------
    shrinkage : float, default=5.0
        How strongly biases are drawn to zero, in ratings: the bias of an id with n ratings is n / (n + `shrinkage`)
        times the mean of what the other bias leaves over. 0 is ordinary least squares.

    Attributes
    ----------
    encoder_ : IdEncoder
        The ids of users and items seen in `fit`.

    mean_rating_ : float
        Weighted mean of the ratings, the prediction where neither user nor item are known.

    user_biases_ : ndarray of shape (n_users,), float64
        The users' biases, in the order of ``encoder_.categories_[0]``.

    item_biases_ : ndarray of shape (n_items,), float64
        The items' biases, in the order of `items_`.

    items_ : ndarray of shape (n_items,)
        The ids of the items seen in `fit`: ``encoder_.categories_[1]``.

    seen_ : DataFrame of shape (n_pairs, 2)
        The pairs of users and items seen in `fit`, each once.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, where they are all strings.

    See Also
    --------
    sklearn_ncf.NCFRegressor : Learns tastes too.
    PopularityRanker : The baseline of rankings.

    Notes
    -----
    With the mean rating :math:`\mu`, weights w and the shrinkage :math:`\lambda`, the biases minimize

    .. math:: \sum w_{ui} (r_{ui} - \mu - b_u - b_i)^2 + \lambda \sum b_u^2 + \lambda \sum b_i^2,

    which is equation 3 of Koren (2008). A weight of 2 means what two equal rows mean. Unknown ids have the bias zero;
    a missing id has a bias where `fit` has seen it. Predictions may leave the range of the ratings. The `history` of
    :func:`~sklearn_ncf.recommend` moves a user's bias to the solution with these further rows, given the items' biases.

    On MovieLens-100K and 1M and on Allrecipes, 5 is close to the best shrinkage for random held-out ratings; what is
    best for a table is found by a search, as for any parameter.

    References
    ----------
    Koren, Y. (2008). "Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering Model", KDD.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf.dummy import BiasRegressor
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "item": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = BiasRegressor(shrinkage=1).fit(X, [5, 1, 4, 5])
    >>> model.mean_rating_
    3.75
    >>> model.predict(pd.DataFrame({"user": ["ann", "eve"], "item": ["Dune", "Alien"]})).round(2)  # eve is new
    array([4.04, 4.3 ])
    """

    _parameter_constraints = {"shrinkage": [Interval(Real, 0, np.inf, closed="left")]}

    def __init__(self, shrinkage=5.0):
        self.shrinkage = shrinkage

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn mean and biases from ratings.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features), n_features >= 2
            Users in the first column, items in the second, by ids as :class:`~sklearn_ncf.NCFRegressor` takes them.
            Further columns are ignored, and may hold anything.
        y : array-like of shape (n_samples,)
            Ratings, any finite numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. A row of weight zero is ignored, its ids too.

        Returns
        -------
        self : BiasRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the shapes or values of `X`, `y` or `sample_weight` are not as said above, or `shrinkage` is negative.
        """
        X, y = check_ratings(X, y, estimator=self)
        return self._fit(X, y, check_weight(sample_weight, y, keeps_scale=True))

    def predict(self, X):
        """Predict ratings.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Ids, in the columns of `fit`.

        Returns
        -------
        ratings : ndarray of shape (n_samples,), float64
            The mean rating plus the biases of user and item, zero for unknown ones.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns are not those of `fit`, or hold ids of another type.
        """
        return self._predict(X)

    @property
    def mean_rating_(self):
        """Weighted mean of the ratings, the prediction where neither user nor item are known."""
        return self._effects.mean

    @property
    def user_biases_(self):
        """The users' biases, in the order of ``encoder_.categories_[0]``."""
        return self._effects.of_users[N_SPECIAL:]

    @property
    def item_biases_(self):
        """The items' biases, in the order of `items_`."""
        return self._effects.of_items[N_SPECIAL:]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # as of DummyRegressor: it ignores most columns of scikit-learn's checks
        return tags

    def _effects_of(self, rows, n_ids):
        # In units of the largest rating and weight, no sum of squares overflows.
        scale = float(np.abs(rows.targets).max()) or 1.0
        targets = rows.targets.astype(np.float64) / scale
        weights = np.ones(len(rows)) if rows.weights is None else rows.weights.astype(np.float64)
        largest = max(1.0, weights.max())
        weights = weights / largest
        mean = np.average(targets, weights=weights)
        users, items = (rows.codes[:, column] + N_SPECIAL for column in (USER, ITEM))
        shrinkage = float(self.shrinkage) / largest
        of_users, of_items = _biases(users, items, targets - mean, weights, shrinkage, n_ids)
        held = (np.bincount(users, weights, n_ids[USER]) + shrinkage) / weights.mean()
        return Effects(float(mean * scale), of_users * scale, of_items * scale, held)


def _biases(users, items, deviations, weights, shrinkage, n_ids):
    """The biases that minimize the sum of squares: the items' are eliminated, the users' system is solved."""

    def to_users(values):
        return np.bincount(users, weights * values, n_ids[USER])

    def to_items(values):
        return np.bincount(items, weights * values, n_ids[ITEM])

    of_users, of_items = (_positive(total(1.0) + shrinkage) for total in (to_users, to_items))
    sums = to_items(deviations)
    user_biases = _conjugate_gradients(
        lambda biases: of_users * biases - to_users((to_items(biases[users]) / of_items)[items]),
        to_users(deviations - (sums / of_items)[items]),
        of_users,
    )
    return user_biases, (sums - to_items(user_biases[users])) / of_items


def _positive(totals):
    """Weights to divide by: 1 in the place of 0, where there is nothing to divide."""
    return np.where(totals > 0, totals, 1.0)


def _conjugate_gradients(product, right, diagonal):
    """The solution of a positive semidefinite system, from its product with a vector, preconditioned by a diagonal."""
    solution, residual = np.zeros_like(right), right
    direction = residual / diagonal
    square = enough = residual @ direction
    enough *= TOLERANCE**2
    for _ in range(MOST_STEPS):
        if square <= enough:
            break
        image = product(direction)
        step = square / (direction @ image)
        solution = solution + step * direction
        residual = residual - step * image
        scaled = residual / diagonal
        last, square = square, residual @ scaled
        direction = scaled + square / last * direction
    return solution
