"""explain: what each interaction of a user, each bias and each feature added to a score."""

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING, as_objects, read_table, take_as_series
from sklearn_ncf.fitting import KINDS, explain_rows, solver_of
from sklearn_ncf.lists import PipelineIdMapper
from sklearn_ncf.nn import ITEM, USER

COLUMNS = ("row", "kind", "source", "contribution", "score")


def explain(model, X):
    r"""Say what each interaction of the user, each bias and each feature added to a score.

    The contributions of a row sum to what `predict` gives for it. They are exact: nothing is sampled, and no other
    model stands in for the one explained. That takes a model whose score is a sum over the user's interactions:

    - :class:`~sklearn_ncf.NCFRanker` by least squares, its default. The vector of a user is the solution of a linear
      system whose right side is a sum over the user's interactions, so that the solution is such a sum, too (Hu et al.
      2008, section 5).
    - ``architecture="gmf"`` with `use_history`, the default of :class:`~sklearn_ncf.NCFRegressor`. The vector of a user
      is one of the user's own plus the sum of one for each rated item.
    - ``architecture="gmf"`` without histories. A user has nothing but a vector, which is not divided further.

    Parameters
    ----------
    model : estimator or Pipeline
        As in :func:`~sklearn_ncf.recommend`, with ``architecture="gmf"``.

    X : table or array-like of shape (n_samples, n_features)
        Raw ids of the pairs to explain, in the columns of `fit`, such as the users and items that
        :func:`~sklearn_ncf.recommend` returned; unknown ids are explained, too. The result has a row for each
        interaction of each row's user: ask for lists, not for whole tables of ratings.

    Returns
    -------
    DataFrame of shape (n_contributions, 7)
        The number of the `row` in `X`, from 0, its user and item, in the columns of `fit` (``user`` and ``item`` where
        these had no names), the `kind` of the contribution, its `source`, the `contribution` itself and the `score` of
        the row, both float64 and in the units of `predict`. Rows come in the order of `X`, kinds in the order below,
        and within a kind the largest contribution first.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is no such model, or a step of a Pipeline has no `inverse_transform`.
    ValueError
        If the scores of the model are no sums over interactions (``architecture="mlp"``, ``"neumf"``, and custom
        networks), if they go through a `TransformedTargetRegressor`, or if `X` is not a table as in `fit`.

    See Also
    --------
    ExplanationDisplay : A picture of the contributions to a score.
    sklearn_ncf.recommend : Items with the highest scores.
    sklearn.inspection.permutation_importance : What columns of `X` are worth to any model.

    Notes
    -----
    The kinds, and their `source` where they have one:

    ================= ========================================================================================
    `kind`            what it is
    ================= ========================================================================================
    mean rating       all of the score where `fit` has seen neither the user nor the item
    intercept         what all scores share
    user bias         of the user
    item bias         of the item
    context           the bias of a context; source: its column
    interaction       one interaction of the user in `fit` or `partial_fit`; source: its item
    user vector       the user's own vector, or that of unknown users, times the item's
    average user      with least squares, the vector of the average user, to which users with few interactions are drawn
    average history   the typical history that stands for ratings still missing, after `partial_fit`
    user feature      what a feature of the user says; source: its column
    item feature      what a feature of an item that `fit` has not seen says; source: its column
    pair              the product of the vectors of two columns, one of them a context; source: both columns
    remainder         with least squares, what the last steps of training left unsolved
    rating range      how far the score is moved to stay in `rating_range_`
    ================= ========================================================================================

    A contribution says what an interaction adds given the vectors of all items. These were learned from all
    interactions, this one included: a model fitted without it would be another one.

    *Least squares.* Training takes a few steps towards each solution, and then moves the vectors of the items. What the
    user's vector lacks to the solution is the *remainder*. On MovieLens-100K it is about one percent of the scores of
    recommended items. It is larger where `max_epochs` is low, for users whose items have moved in a `partial_fit`, and,
    at about six percent there, with `item_features`, which move the vectors of items after training.

    *Ratings.* Contributions are in rating units. Near the ends of `rating_range_` predictions bend, and the
    *rating range* is what this takes off or adds. Vectors of items include what is known of the users who rated them,
    which is not divided further.

    *Temperature.* Scores are then cosines, linear in the parts of the user's vector given its length.

    *Features.* What they say counts from the average id on. An item's features multiply all that is known of the user;
    interactions then multiply the vector of unknown items. With least squares, known users are drawn a little to what
    their features say, too. Other ids that `fit` has seen are not divided.

    *Infrequent ids* that an encoder has pooled share a vector, and have no interactions of their own.

    References
    ----------
    Hu, Y., Y. Koren, C. Volinsky (2008). "Collaborative Filtering for Implicit Feedback Datasets", ICDM.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRanker
    >>> from sklearn_ncf.inspection import explain
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = NCFRanker(random_state=0).fit(X)
    >>> why = explain(model, pd.DataFrame({"user": ["ann"], "film": ["Dune"]}))
    >>> why.loc[why["kind"] == "interaction", ["user", "film", "source"]]
      user  film source
    0  ann  Dune  Alien
    1  ann  Dune  Bambi
    >>> bool(abs(why["contribution"].sum() - why["score"][0]) < 1e-5)
    True
    """
    ids = PipelineIdMapper(model, needs_network=True)
    if ids.target_transformers:
        raise ValueError(
            "explain cannot say what adds to predictions that go through a TransformedTargetRegressor. Pass its "
            "regressor_, whose scores are in the units of the transformed target."
        )
    table, codes, deviations = ids.transformed(X, warns=True)
    is_one_user = ids.mask_pooled(USER, codes[:, USER]) != MISSING
    terms = explain_rows(ids.fitted, solver_of(ids.estimator), table, codes, deviations, is_one_user)
    if terms is None:
        raise ValueError(
            "explain takes models whose scores are sums over interactions: NCFRanker() as it comes, or "
            f"architecture='gmf'. With architecture={ids.estimator.architecture!r} no score is such a sum, and what an "
            "interaction adds would be a guess. Fit with architecture='gmf', or see "
            "sklearn.inspection.permutation_importance for what columns are worth."
        )
    scores = ids.scores_of(codes, deviations).astype(np.float64)
    return _as_frame(X, ids, terms, scores)


def _as_frame(X, ids, terms, scores):
    """Terms as a table of raw ids, sorted."""
    user, item = ids.names[USER], ids.names[ITEM]
    if len({user, item, *COLUMNS}) < len(COLUMNS) + 2:
        raise ValueError(f"Columns of fit must not be named as one of {list(COLUMNS)}; got {[user, item]}.")
    rows = np.concatenate([term.rows for term in terms])
    values = np.concatenate([term.values for term in terms])
    kinds = np.repeat([KINDS.index(term.kind) for term in terms], [len(term.rows) for term in terms])
    sources = np.concatenate([_sources(ids, term) for term in terms])
    order = np.lexsort([-values, kinds, rows])
    rows = rows[order]
    columns = read_table(X, estimator=None, only=[ids.places[USER], ids.places[ITEM]])[1]
    users, items = (_taken(column, rows) for column in columns)
    return pd.DataFrame(
        {
            "row": rows,
            user: users,
            item: items,
            "kind": np.array(KINDS, dtype=object)[kinds[order]],
            "source": sources[order],
            "contribution": values[order],
            "score": scores[rows],
        }
    )


def _taken(column, rows):
    """The ids of some rows of a `Column`, None where one is missing."""
    ids = column.ids
    if (column.positions == MISSING).any():
        ids = as_objects([*ids.tolist(), None])
    return take_as_series(ids, column.positions[rows])


def _sources(ids, term):
    """The source of each contribution of a term."""
    if term.items is not None:
        distinct, places = np.unique(term.items, return_inverse=True)
        own = distinct >= 0  # others are missing
        raw, named = ids.named(ITEM, distinct[own])
        own[own] = named
        sources = np.full(len(distinct), None, dtype=object)
        sources[own] = as_objects(raw.tolist())
        return sources[places.ravel()]
    return np.full(len(term.rows), _name(ids, term), dtype=object)


def _name(ids, term):
    """What a term calls its source, in the names of the columns of `fit`."""
    if term.kind == "pair":
        return " x ".join(str(ids.names[column]) for column in term.name)
    if term.kind == "context":
        return ids.names[term.name]
    is_place = ids.fitted.features.roles.names is None and isinstance(term.name, int)
    return ids.name_of(term.name) if is_place else term.name
