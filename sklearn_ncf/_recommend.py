"""recommend and similar_items: ranked raw ids from a fitted estimator or Pipeline."""

from numbers import Integral

import numpy as np

from sklearn_ncf._numbers import as_python
from sklearn_ncf._recommender import PARAMETERS, Recommender
from sklearn_ncf._sklearn_compat import Interval, validate_params
from sklearn_ncf.lists import PipelineIdMapper, as_callers_frame, as_frame, best_lists
from sklearn_ncf.nn import ITEM


@validate_params(PARAMETERS, prefer_skip_nested_validation=True)
def recommend(model, users=None, n_items=10, *, items=None, exclude=None, history=None, exclude_seen=True, verbose=0):
    """Recommend the items with the highest scores.

    Every user is scored with every candidate item as `predict` does, a block of users at a time: memory stays bounded
    however many users there are.

    Parameters
    ----------
    model : estimator or Pipeline
        A fitted :class:`NCFRanker` (made for lists) or :class:`NCFRegressor` (items by predicted rating), a baseline of
        :mod:`sklearn_ncf.dummy`, a Pipeline that ends in one, or a fitted search, `FrozenEstimator` or
        `TransformedTargetRegressor` of one of these, nested as you like. Behind a step of a Pipeline that cannot be
        undone, such as a `ColumnTransformer` that selects columns, ids are raw as they arrive at the next step, or at
        an :class:`IdEncoder` in the `ColumnTransformer`.

    users : id, collection of ids or table of shape (n_users, n_features - 1), default=None
        Raw ids, in any form that the notes below list. Users that `fit` has not seen get the items that are liked best
        in general. ``None`` is all users in `items` or else `history`, if these are tables of users; without, all users
        seen in `fit`, but for missing and infrequent ones. With context columns, a
        table of all columns but the items', by their names in `fit`, or rows in the order of `fit`; where users come
        alone, their context is taken as unknown. A user's context applies to every candidate alike, so it must not be
        a property of an item, such as its genre. With `user_features`, the table may have all columns of them: users
        that `fit` has not seen are scored by these.

    n_items : int, default=10
        Length of a list.

    items : id, collection of ids or table, default=None
        Raw ids of the candidates, such as the items in stock, in any form that the notes below list. Items that `fit`
        has not seen are scored as `predict` scores them: by their features, if this is a table with the item and all
        columns of `item_features`, in one row per candidate. ``None`` is all items seen in `fit`, but for missing and
        infrequent ones; :class:`~sklearn_ncf.metrics.RankingScorer` ranks the same candidates. A table of users and
        items, a pair per row, gives each user other candidates.

    exclude : id, collection of ids or table, default=None
        Raw ids of items that are not to be recommended to anybody, or a table of users and items, a pair per row, that
        are not to be recommended to this user.

    history : table of shape (n_rows, 2 to 4), default=None
        What users have done since `fit`, or without it: the user, the item, for a model of ratings the ``rating``, and
        if rows count differently the ``weight``, 1 for an ordinary row. A data frame has the columns' names of `fit`,
        and may have context columns; a column of ratings may have any name where it is the only further one. The vector
        and the bias of each user in it, known or not, are solved for, from this and, for known users, from what the
        model has learned of them: exactly for least squares, else by a few ridge regressions. The model does not
        change (fold-in). Items of a user's history count as seen.

    exclude_seen : bool, default=True
        Whether to leave out what a user has rated in `fit` or `partial_fit`, or in `history`. `X_val` does not count as
        seen. Infrequent items that an encoder has pooled cannot be told apart, and are not left out.

    verbose : int, default=0
        1 shows a progress bar over users.

    Returns
    -------
    DataFrame of shape (n_recommendations, n_features + 2)
        Raw ids in the columns of `fit` (``user``, ``item``, ``context_1``, ... where these had no names), then `rank`
        from 1 and `score`, float32, in the units of `predict`. Users come in the order of `users`, each once, with
        their best item first; among equal scores the item that comes first in `items`, or in
        ``encoder_.categories_[1]``. Ids come out as they went in, value and type: a column has the dtype of numbers,
        times or strings that holds each id exactly, else object, such as integers with a missing id (``None``). Where
        `users`, else `items`, is a data frame or a column of polars or pyarrow, so is the answer, and the ids that were
        given have the dtype that they have there; for other forms, ``sklearn.set_config(transform_output="polars")``
        gives polars.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no such model, a step of a Pipeline after :class:`IdEncoder` cannot be undone, or `users` or `items`
        are a mapping, lazy, sparse, or hold something that cannot be hashed.
    ValueError
        If `n_items` is less than 1, `users` or `items` are empty or have a wrong shape, ids are of another type than in
        `fit`, an item is missing (``None``, ``NaN``), or the steps before the estimator do not give ids back.

    Warns
    -----
    UserWarning
        If there are fewer than `n_items` items for some of the users, most of the ids given are unknown, or `fit` has
        no user to recommend to.

    See Also
    --------
    similar_items : Items similar to a given one.

    Notes
    -----
    A collection of ids is a list, a tuple, an array of one dimension or one column, a Series or an Index (names and
    index do not matter), a column of polars or pyarrow, a range, an iterator, or the keys or values of a dictionary, in
    this order; or a set, which is sorted. Of a data frame, the column with the name of `fit` is taken. A string is one
    id. A tuple is a collection, unless `fit` has seen tuples as ids: then it is one id, and a tuple whose members could
    all be ids is a collection where it is no known id itself.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRanker, recommend
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = NCFRanker(random_state=0).fit(X)
    >>> recommend(model, ["ann", "bob"], n_items=1)[["user", "film", "rank"]]
      user   film  rank
    0  ann   Dune     1
    1  bob  Bambi     1
    """
    return Recommender(model).recommend(
        users, n_items, items=items, exclude=exclude, history=history, exclude_seen=exclude_seen, verbose=verbose
    )


@validate_params({"n_items": [Interval(Integral, 1, None, closed="left")]}, prefer_skip_nested_validation=True)
def similar_items(model, items, n_items=10):
    """Find the items whose vectors point most nearly into the same direction as a given item's.

    Parameters
    ----------
    model : estimator or Pipeline
        As in :func:`recommend`, but no baseline; its network must have a table of embeddings.

    items : id, collection of ids or table
        Raw ids of items seen in `fit`, in any form that :func:`recommend` takes; also unknown items, in a table with
        the item and all columns of `item_features`.

    n_items : int, default=10
        Length of a list.

    Returns
    -------
    DataFrame of shape (n_queries * n_items, 4)
        The item and the similar one, in columns named as in `fit` (else ``item``) and the same with ``similar_`` in
        front, `rank` from 1 and `score`: the cosine of the angle between the two vectors of ``item_embeddings_``, in
        [-1, 1]. A data frame of the library of `items`, as in :func:`recommend`.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no such model, a step of a Pipeline after :class:`IdEncoder` cannot be undone, or `items` has a form
        that :func:`recommend` refuses.
    ValueError
        If `n_items` is less than 1, or an item was not seen in `fit` and has no features, is missing, or is an
        infrequent one that an encoder has pooled with others.

    Warns
    -----
    UserWarning
        If there are fewer than `n_items` other items.

    See Also
    --------
    recommend : Items for a user.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRegressor, similar_items
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = NCFRegressor(max_epochs=50, random_state=0).fit(X, [5, 1, 4, 5])
    >>> similar_items(model, "Alien", n_items=2)[["film", "similar_film", "rank"]]
        film similar_film  rank
    0  Alien         Dune     1
    1  Alien        Bambi     2
    """
    n_items = as_python(n_items)
    ids = PipelineIdMapper(model, needs_network=True)
    asked, codes, deviations = ids.known_or_described(ITEM, items, "items", "no items are similar to them")
    candidates, item_codes, _ = ids.items(None)
    vectors = ids.estimator.item_embeddings_
    of_asked = ids.fitted.item_vectors(codes, deviations) if deviations else vectors[codes]
    of_asked, of_candidates = _normalized(of_asked), _normalized(vectors[item_codes]).T

    def cosines(rows):
        scores = (of_asked[rows] @ of_candidates).clip(-1, 1)
        scores[codes[rows, None] == item_codes] = -np.inf
        return scores, None

    rows, columns, ranks, scores = best_lists(cosines, len(codes), len(item_codes), n_items, "items")
    item = ids.names[ITEM]
    found = as_frame({item: asked}, rows, f"similar_{item}", candidates, columns, ranks, scores)
    return as_callers_frame(found, (items, [item]))


def _normalized(vectors):
    """Vectors at length one."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=np.finfo(np.float32).tiny)
