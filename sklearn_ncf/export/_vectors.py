"""to_vectors: users and items as vectors whose inner products order items as `recommend` does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from sklearn_ncf._encoder import vocabularies_of
from sklearn_ncf.encoding import MISSING
from sklearn_ncf.fitting import FittedModel, Products
from sklearn_ncf.lists import SCORES_CHUNK_SIZE, PipelineIdMapper
from sklearn_ncf.nn import ITEM, USER

IDS_CHUNK_SIZE = 65_536  # bounds the memory in addition to the result
LARGEST = 1e6  # of products: an output layer gives an end of its range long before
HALVINGS = 60  # of an interval: more than float32 tells apart
ROUNDING = 1e-6  # of scores, as a share of the largest


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of users and items, as :func:`to_vectors` gives them.

    Attributes
    ----------
    user_ids : ndarray of shape (n_users,)
        Raw ids of all users seen in `fit`, but for missing and infrequent ones.

    user_vectors : ndarray of shape (n_users, n_components), float32
        Their vectors, C-contiguous.

    item_ids : ndarray of shape (n_items,)
        Raw ids of the items that :func:`~sklearn_ncf.recommend` ranks.

    item_vectors : ndarray of shape (n_items, n_components), float32
        Their vectors, C-contiguous, all of the same length.

    unknown_user : ndarray of shape (n_components,), float32
        The vector of a user that `fit` has not seen; infrequent users that an encoder has pooled share it, too.
    """

    user_ids: np.ndarray
    user_vectors: np.ndarray
    item_ids: np.ndarray
    item_vectors: np.ndarray
    unknown_user: np.ndarray
    _scores_of: Callable = field(repr=False)

    def scores(self, products):
        """Turn inner products into the scores of :func:`~sklearn_ncf.recommend`.

        Parameters
        ----------
        products : array-like of any shape
            Inner products of a user's and an item's vector.

        Returns
        -------
        ndarray of that shape
            Scores in the units of `predict`, equal up to rounding.
        """
        products = np.array(products, dtype=np.float32, order="C")
        return self._scores_of(products.reshape(-1)).reshape(products.shape)


def to_vectors(model):
    """Get vectors of users and items whose inner products order items as `recommend` does.

    They are ready for an index of nearest neighbors by inner product, such as those of faiss, hnswlib, usearch and
    pgvector. Biases, weights, temperature and histories are parts of the vectors. All items' vectors are equally long,
    as graphs of neighbors need it [1]_, so that cosines and distances order items alike.

    Parameters
    ----------
    model : estimator or Pipeline
        As in :func:`~sklearn_ncf.recommend`; its estimator must have ``architecture="gmf"``, the default.

    Returns
    -------
    Vectors
        `user_ids`, `user_vectors`, `item_ids`, `item_vectors` and `unknown_user`, and a method `scores`, which turns
        products into scores.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no such model, or a step of a Pipeline has no `inverse_transform`.
    ValueError
        If the network's scores are no inner products, since they go through hidden layers or a custom network, a
        `TransformedTargetRegressor` does not keep the order of scores, or the steps before the estimator do not give
        ids back.

    See Also
    --------
    sklearn_ncf.recommend : Ranked items, without those that a user has interacted with.
    to_onnx : A graph of a model of any architecture; with `top_n`, of its lists.

    Notes
    -----
    The inner product is the score before the output layer, which rises with it: the items with the largest products
    are those of ``recommend(model, exclude_seen=False)``, in this order. Where the output layer or rounding makes two
    scores equal, `recommend` takes the item first that comes first, while their products may still differ. Products of
    different users compare as their scores do.

    The last component is zero for users, and for items what makes them as long as the longest one: by inner product,
    long vectors would be neighbors of all others, and hide the rest from searches along a graph.

    With columns of context, users stand for themselves in an unknown context, as in ``recommend(model)``. Features are
    in the vectors of ids that `fit` has seen; a new user or item has its own only after `partial_fit`.

    The vectors are a snapshot: get them again after `partial_fit`. Memory is that of the result and a bounded block.

    References
    ----------
    .. [1] Bachrach, Y. et al. (2014). "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for
       Inner-Product Spaces", RecSys.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn_ncf import NCFRanker, recommend
    >>> from sklearn_ncf.export import to_vectors
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = NCFRanker(random_state=0).fit(X)
    >>> vectors = to_vectors(model)
    >>> products = vectors.user_vectors @ vectors.item_vectors.T
    >>> best = vectors.item_ids[np.argmax(products, axis=1)]
    >>> bool((best == recommend(model, n_items=1, exclude_seen=False)["film"]).all())
    True
    """
    ids = PipelineIdMapper(model, needs_network=True)
    users, user_codes, _ = ids.queries(None)
    item_ids, item_codes, _ = ids.items(None)
    products = ids.fitted.products(item_codes[:1])  # of one item, since it keeps those that it is made with
    if products is None:
        architecture = ids.estimator.architecture
        name = repr(architecture) if isinstance(architecture, str) else architecture.__name__
        raise ValueError(
            f"The scores of architecture={name} are no inner products of vectors, since they go through hidden layers "
            'or methods of a custom network. Fit again with architecture="gmf", or get lists from recommend or from a '
            "graph of to_onnx(model, path, top_n=...)."
        )
    maker = _Maker.of(ids.fitted, products, item_codes)
    unknown = np.full((1, ids.n_columns - 1), MISSING)
    unknown[0, USER] = _code_of_unknown(ids, USER)
    user_vectors = _in_parts(maker.of_users, user_codes)
    item_vectors = _in_parts(maker.of_items, item_codes)
    squares = np.einsum("ij,ij->i", item_vectors, item_vectors, dtype=np.float64)
    item_vectors[:, -1] = np.sqrt(squares.max(initial=0) - squares)
    unknown_user = maker.of_users(unknown)[0]
    scores_of = partial(_scores_of, ids, products)
    if ids.target_transformers:
        _check_increasing(scores_of, np.vstack([user_vectors, unknown_user]), item_vectors)
    return Vectors(users[ids.names[USER]], user_vectors, item_ids, item_vectors, unknown_user, scores_of)


def _scores_of(ids, products, values):
    """Scores of products; at the top level, so that vectors can be pickled."""
    return ids.as_predicted(products.scores(values))


class _Maker(NamedTuple):
    """Makes vectors of codes, with a last component of zero.

    Pairs of a user and an item that both have no training rows are predicted the mean rating, which is no product of
    what the network holds of them: a component that these ids alone have makes it one.

    untrained_item : vector of the items without training rows, who share one, or None where no such component is due
    product : of the pairs of which nothing is known
    """

    fitted: FittedModel
    products: Products
    untrained_item: np.ndarray | None
    product: float | None

    @classmethod
    def of(cls, fitted, products, item_codes):
        """The maker for some items."""
        untrained = item_codes[~fitted.seen.trained(ITEM, item_codes)]
        if fitted.of_unknown is None or not len(untrained):
            return cls(fitted, products, None, None)
        return cls(fitted, products, fitted.products(untrained[:1]).items[0], _product_of(fitted, products))

    def of_items(self, codes):
        """Vectors of items: the network's, the bias, and 1 for what a user adds."""
        parts = [self.fitted.products(codes).items, np.ones(len(codes))]
        if self.untrained_item is not None:
            parts.append(~self.fitted.seen.trained(ITEM, codes))
        return _as_table(parts)

    def of_users(self, codes):
        """Vectors of users: the network's, 1 for an item's bias, and what the user adds to all scores."""
        vectors, added = self.products.of_queries(codes)
        parts = [vectors, added]
        if self.untrained_item is not None:
            missing = self.product - added - vectors @ self.untrained_item
            parts.append(np.where(self.fitted.seen.trained(USER, codes[:, USER]), 0, missing))
        return _as_table(parts)


def _as_table(parts):
    """Columns and tables side by side, and a column of zeros."""
    return np.column_stack([*parts, np.zeros(len(parts[0]))]).astype(np.float32, copy=False)


def _product_of(fitted, products):
    """The product whose score is the one of pairs of which nothing is known; scores rise with products."""
    low, high = -LARGEST, LARGEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        score = products.scorer.to_scores(torch.tensor([middle], device=fitted.net.device)).item()
        low, high = (middle, high) if score < fitted.of_unknown else (low, middle)
    return high


def _code_of_unknown(ids, column):
    """The code of an unknown id: an encoder gives it the id -1, which `fit` may have seen."""
    if not any(step.encoded is not None and ids.places[column] in step.encoded for step in ids.steps.undone):
        return MISSING
    return int(vocabularies_of(ids.estimator.encoder_)[column].codes(np.array([MISSING]))[0])


def _in_parts(vectors_of, codes):
    """Vectors of codes, computed in parts."""
    first = vectors_of(codes[:IDS_CHUNK_SIZE])
    vectors = np.empty((len(codes), first.shape[1]), dtype=np.float32)
    vectors[: len(first)] = first
    for start in range(IDS_CHUNK_SIZE, len(codes), IDS_CHUNK_SIZE):
        rows = slice(start, start + IDS_CHUNK_SIZE)
        vectors[rows] = vectors_of(codes[rows])
    return vectors


def _check_increasing(scores_of, user_vectors, item_vectors):
    """Refuse target transformers that turn products around, as far as those of some users show."""
    n_users = max(1, SCORES_CHUNK_SIZE // max(1, len(item_vectors)))
    some = user_vectors[:: -(-len(user_vectors) // n_users)]
    scores = scores_of(np.unique(some @ item_vectors.T))
    rounding = ROUNDING * np.abs(scores).max(initial=0)
    if (np.diff(scores) < -rounding).any():
        raise ValueError(
            "The transformer of the TransformedTargetRegressor does not keep the order of scores, so that the largest "
            "products would not be the largest predictions. Use a transformer that increases, or pass its regressor_."
        )
