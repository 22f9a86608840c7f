"""FeaturePrior: what features say of an id's vector and bias, by ridge regression on the ids of the training set."""

from typing import NamedTuple

import numpy as np

RATINGS = 10.0  # with which an id counts half: what few ratings have taught is mostly noise
PENALTIES = np.logspace(-2, 6, 33)  # in average ids
COST = 1.4  # of a degree of freedom in generalized cross-validation


class FeaturePrior(NamedTuple):
    """A linear map from rows of a design to deviations from an average id.

    center : float64 of shape (n_columns,), the weighted mean of the design
    weights : float64 of shape (n_columns, n_targets)
    """

    center: np.ndarray
    weights: np.ndarray

    def deviations(self, design):
        """How ids with some rows of a design deviate, float32 of shape (n_rows, n_targets)."""
        return (design @ self.weights - self.center @ self.weights).astype(np.float32)


def learn_prior(parts, n_ratings, groups):
    """The prior of ids with `n_ratings` ratings each.

    parts : iterable of (design, targets) of the ids in their order, some ids at a time; a design is a sparse matrix or
        an array
    groups : slices of the targets that are measured in one unit

    An id with n ratings has the weight n / (n + 10). Features say much of some directions in which ids differ, and
    nothing of others. So each principal component of a group's targets has another penalty (as in curds and whey,
    Breiman and Friedman 1997): the best one by generalized cross-validation (Golub, Heath and Wahba 1979), with the
    cost of degrees of freedom of Kim and Gu (2004).
    """
    weights = n_ratings / (n_ratings + RATINGS)
    weights = weights * (len(weights) / weights.sum())
    moments, start = None, 0
    for design, targets in parts:
        of_part = _Moments.of(design, targets.astype(np.float64), weights[start : start + len(targets)])
        moments = of_part if moments is None else moments.plus(of_part)
        start += len(targets)
    center, gram, products, squares = moments.centered()
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(min=0)
    rotated = vectors.T @ products
    found = np.zeros_like(products)
    for group in groups:
        variances, components = np.linalg.eigh(squares[group, group])
        of_components = rotated[:, group] @ components
        penalties = _best_penalties(values, of_components, variances, len(weights))
        solved = of_components / (values[:, None] + penalties)
        found[:, group] = vectors @ solved @ components.T
    return FeaturePrior(center, found)


class _Moments(NamedTuple):
    """Weighted sums over ids: of weights, designs, targets, and their products, each with each."""

    size: float
    of_design: np.ndarray
    of_targets: np.ndarray
    gram: np.ndarray
    products: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, design, targets, weights):
        weighted_targets = weights[:, None] * targets
        if isinstance(design, np.ndarray):
            design = design.astype(np.float64)
            weighted = (weights[:, None] * design).T
        else:
            weighted = design.multiply(weights[:, None]).T.tocsr()
        gram = weighted @ design
        return cls(
            weights.sum(),
            np.asarray(design.T @ weights),
            weighted_targets.sum(axis=0),
            gram if isinstance(gram, np.ndarray) else gram.toarray(),
            np.asarray(design.T @ weighted_targets),
            weighted_targets.T @ targets,
        )

    def plus(self, other):
        return _Moments(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def centered(self):
        """Mean design, and the moments about the means: Gram matrix, products with targets, those among targets."""
        center, mean = self.of_design / self.size, self.of_targets / self.size
        gram = self.gram - self.size * np.outer(center, center)
        products = self.products - self.size * np.outer(center, mean)
        return center, gram, products, self.squares - self.size * np.outer(mean, mean)


def _best_penalties(values, rotated, totals, n_ids):
    """The penalty of each target with the least generalized cross-validation error.

    values : eigenvalues of the Gram matrix; rotated : products with the targets, in the basis of its eigenvectors;
    totals : squares of the targets
    """
    shares = 1 / (values + PENALTIES[:, None])
    squared = rotated**2
    errors = totals - 2 * shares @ squared + (values * shares**2) @ squared
    freedom = 1 - COST * (1 + (values * shares).sum(axis=1)) / n_ids
    usable = np.flatnonzero(freedom > 0)
    if not len(usable):  # too few ids to say anything
        return np.full(len(totals), PENALTIES[-1])
    criterion = errors[usable].clip(min=0) / freedom[usable, None] ** 2
    best = len(usable) - 1 - criterion[::-1].argmin(axis=0)  # the largest of equally good ones
    return PENALTIES[usable[best]]
