"""recommend and similar_items: ranked raw ids from a fitted estimator or Pipeline."""

import warnings
from contextlib import nullcontext
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_ncf._progress import progress_bar
from sklearn_ncf._ranking import SCORES_AT_ONCE, best_columns
from sklearn_ncf._raw_ids import RawIds
from sklearn_ncf.nn import ITEM, USER


@validate_params(
    {"n_items": [Interval(Integral, 1, None, closed="left")], "exclude_seen": ["boolean"], "verbose": ["verbose"]},
    prefer_skip_nested_validation=True,
)
def recommend(model, users=None, n_items=10, *, items=None, exclude_seen=True, verbose=0):
    """Recommend the items with the highest scores.

    Every user is scored with every candidate item as `predict` does, a block of users at a time: memory stays bounded
    however many users there are.

    Parameters
    ----------
    model : estimator or Pipeline
        A fitted :class:`NCFRegressor`, a Pipeline that ends in one and whose other steps have `inverse_transform`
        (such as :class:`IdEncoder`), or a fitted search over one of these.

    users : array-like of shape (n_users,) or table of shape (n_users, n_features - 1), default=None
        Raw ids; one alone will do. Users that `fit` has not seen get the items that are liked best in general. ``None``
        is all users seen in `fit`. With context columns, a table of all columns but the items', in the order of `fit`;
        where users come alone, their context is taken as unknown.

    n_items : int, default=10
        Length of a list.

    items : array-like of shape (n_candidates,), default=None
        Raw ids of the items to choose from, such as those in stock. Items that `fit` has not seen are scored as
        `predict` scores them. ``None`` is all items seen in `fit`.

    exclude_seen : bool, default=True
        Whether to leave out what a user has rated in `fit` or `partial_fit`. `X_val` does not count as seen.

    verbose : int, default=0
        1 shows a progress bar over users.

    Returns
    -------
    DataFrame of shape (n_recommendations, n_features + 2)
        Raw ids in the columns of `fit` (``user``, ``item``, ``context_1``, ... where these had no names), then `rank`
        from 1 and `score`, float32, in the units of `predict`. Users come in the order of `users`, each once, with
        their best item first; among equal scores the item that comes first in `items`, or in
        ``encoder_.categories_[1]``.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no such model, or a step of a Pipeline has no `inverse_transform`.
    ValueError
        If `n_items` is less than 1, ids are of another type than in `fit`, or an item is missing (``None``, ``NaN``).

    Warns
    -----
    UserWarning
        If there are fewer than `n_items` items for some of the users, or most of the ids given are unknown.

    See Also
    --------
    similar_items : Items like a given one.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRegressor, recommend
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = NCFRegressor(max_epochs=50, random_state=0).fit(X, [5, 1, 4, 5])
    >>> recommend(model, ["ann", "bob"], n_items=1)[["user", "film", "rank"]]
      user   film  rank
    0  ann   Dune     1
    1  bob  Bambi     1
    """
    ids = RawIds(model)
    queries, codes = ids.queries(users)
    candidates, item_codes = ids.items(items)
    score = ids.estimator._grid_scorer(item_codes)

    def score_unseen(block):
        scores = score(block)
        if exclude_seen:
            scores[ids.estimator._seen.among(ids.somebody(block[:, USER]), item_codes)] = -np.inf
        return scores

    rows, columns, ranks, scores = _lists(score_unseen, codes, len(item_codes), n_items, "users", verbose)
    queries = {name: raw.take(rows) for name, raw in queries.items()}
    return _as_frame(queries, ids.names[ITEM], candidates.take(columns), ranks, scores)


@validate_params({"n_items": [Interval(Integral, 1, None, closed="left")]}, prefer_skip_nested_validation=True)
def similar_items(model, items, n_items=10):
    """Find the items whose vectors point most nearly into the same direction as a given item's.

    Parameters
    ----------
    model : estimator or Pipeline
        As in :func:`recommend`; its network must have a table of embeddings.

    items : array-like of shape (n_queries,)
        Raw ids of items seen in `fit`; one alone will do.

    n_items : int, default=10
        Length of a list.

    Returns
    -------
    DataFrame of shape (n_queries * n_items, 4)
        The item and the similar one, in columns named as in `fit` (else ``item``) and the same with ``similar_`` in
        front, `rank` from 1 and `score`: the cosine of the angle between the two vectors of ``item_embeddings_``, in
        [-1, 1].

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no such model, or a step of a Pipeline has no `inverse_transform`.
    ValueError
        If `n_items` is less than 1, or an item was not seen in `fit`.

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
    ids = RawIds(model)
    asked, codes = ids.seen(ITEM, items, "items", "nothing is like them")
    candidates, item_codes = ids.items(None)
    vectors = ids.estimator.item_embeddings_
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=np.finfo(np.float32).tiny)
    of_candidates = vectors[item_codes].T

    def cosines(block):
        scores = (vectors[block] @ of_candidates).clip(-1, 1)
        scores[block[:, None] == item_codes] = -np.inf
        return scores

    rows, columns, ranks, scores = _lists(cosines, codes, len(item_codes), n_items, "items")
    item = ids.names[ITEM]
    return _as_frame({item: asked.take(rows)}, f"similar_{item}", candidates.take(columns), ranks, scores)


def _lists(score, queries, n_candidates, n_items, of, verbose=0):
    """Rows, columns, ranks and scores of the best candidates of each query, a block of queries at a time."""
    rows_at_once = max(1, SCORES_AT_ONCE // max(1, n_candidates))
    lists = []
    shown = progress_bar(total=len(queries), unit=f" {of}", desc="recommend") if verbose else nullcontext()
    with shown as bar:
        for start in range(0, len(queries), rows_at_once):
            scores = score(queries[start : start + rows_at_once])
            rows, columns, ranks = best_columns(scores, n_items)
            lists.append((rows + start, columns, ranks, scores[rows, columns]))
            if bar is not None:
                bar.update(len(scores))
    rows, columns, ranks, scores = map(np.concatenate, zip(*lists, strict=True))
    lengths = np.bincount(rows, minlength=len(queries))
    short = lengths < n_items
    if short.any():
        warnings.warn(
            f"n_items={n_items}, but for {short.sum()} of {len(queries)} {of} there are fewer items, as few as "
            f"{lengths.min()}; these get what there is.",
            UserWarning,
            stacklevel=4,  # recommend, and its check of parameters
        )
    return rows, columns, ranks, scores


def _as_frame(queries, item, candidates, ranks, scores):
    """The lists as a table of raw ids."""
    named = {**queries, item: candidates, "rank": ranks, "score": scores}
    if len(named) < len(queries) + 3:
        raise ValueError(f"Columns of fit must not be named 'rank' or 'score', and differ; got {[*queries, item]}.")
    return pd.DataFrame({name: getattr(column, "array", column) for name, column in named.items()})
