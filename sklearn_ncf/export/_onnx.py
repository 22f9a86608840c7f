"""to_onnx: a fitted model as one ONNX graph, raw ids in, and ratings, scores or lists of raw ids out."""

from numbers import Integral
from pathlib import Path

from sklearn_ncf._files import write_atomic
from sklearn_ncf._regressor import NCFRegressor
from sklearn_ncf._sklearn_compat import Interval, validate_params
from sklearn_ncf.export._features import feature_inputs
from sklearn_ncf.export._graph import give_ids, model_of, serialized
from sklearn_ncf.export._id_tables import EXCLUDE, PREFIX, as_onnx, tables_model
from sklearn_ncf.export._scorers import ListScorer, RowScorer
from sklearn_ncf.export._silence import silence
from sklearn_ncf.lists import PipelineIdMapper
from sklearn_ncf.nn import ITEM, USER, default_settings


@validate_params({"top_n": [Interval(Integral, 1, None, closed="left"), None]}, prefer_skip_nested_validation=True)
@default_settings()
def to_onnx(model, path, *, top_n=None):
    """Write a fitted model to an ONNX file, which takes raw ids and needs neither Python nor this library.

    The tables of ids are part of the graph, and so is what is predicted for unknown and missing ids: the scores are
    those of `predict`, up to rounding. With `top_n`, the graph gives the lists of :func:`~sklearn_ncf.recommend` for
    users. torch's exporter turns the network into a graph, a custom one too.

    Parameters
    ----------
    model : estimator or Pipeline
        A fitted :class:`~sklearn_ncf.NCFRegressor` or :class:`~sklearn_ncf.NCFRanker`, a Pipeline of
        :class:`~sklearn_ncf.IdEncoder` and one of them, or a fitted search over one of these. Steps that only select
        or add columns, such as a `ColumnTransformer`, are not part of the graph: its inputs are the columns that
        arrive at the next step, or at the :class:`~sklearn_ncf.IdEncoder` in a `ColumnTransformer`.

    path : str or path-like
        File to write. It is replaced when the export has succeeded, and left alone otherwise.

    top_n : int, default=None
        Length of the lists that the graph gives for users, at most the number of items that
        :func:`~sklearn_ncf.recommend` ranks. ``None`` is a graph that scores rows of users and items.

    Raises
    ------
    ImportError
        If the packages onnx or onnxscript are missing; ``pip install "sklearn-ncf[onnx]"`` brings them.
    NotFittedError
        If the model is not fitted.
    FileNotFoundError
        If there is no such folder.
    TypeError
        If it is no such model, or predicts through a `TransformedTargetRegressor`.
    ValueError
        If the ids of a column are neither integers nor strings, a feature holds several values in a cell, an encoder
        has ``handle_unknown="error"``, torch cannot export a custom network, `top_n` exceeds the number of items, or
        the model takes more than two gibibytes.

    See Also
    --------
    sklearn_ncf.recommend : Ranked items from a fitted model, in Python.
    to_vectors : Vectors for an index of nearest neighbors.

    Notes
    -----
    *Inputs*: one per column, of shape [n], named as in `fit` (``user``, ``item``, ``context_1``, ... where the columns
    had no names). Ids that were integers in `fit`, whole floats or booleans (0 and 1) are of type int64, the others
    strings. *Output*: ``ratings`` of an :class:`~sklearn_ncf.NCFRegressor`, ``scores`` of an
    :class:`~sklearn_ncf.NCFRanker`, of the dtype that `predict` gives (float32; float64 for ratings of unusual offset
    or size), of shape [n].

    A missing id is ``-1`` or the empty string, unless `fit` has seen that as an id. See ``docs/serving.md``.

    *Features* are inputs too, named as in `fit` (``feature_2``, ... by their places where the columns had no names):
    categories as ids, numbers of type float64, ``NaN`` where one is missing, and blocks of numbers of type float32 and
    shape [n, width].

    *Lists*, with `top_n`: the inputs are the columns of users, context and `user_features`, of shape [n], and
    ``exclude`` of shape [n, n_excluded]: the ids of items to leave out for each user, of the type of the items. Rows of
    different lengths are filled up with any id that is no item, such as ``-1`` or the empty string, and `n_excluded`
    may be 0. The outputs are raw ids of items, named as their column in `fit`, and ``ratings`` or ``scores``, both of
    shape [n, top_n], the best item first. Where fewer items are left, the id is ``-1`` or the empty string, and the
    score minus infinity. With the items that a user has interacted with in ``exclude``, the lists are those of
    `recommend`; with none, those of ``recommend(exclude_seen=False)``. Features of the candidates are part of the
    graph, and those of :class:`~sklearn_ncf.nn.EmbeddingNN` are encoded once, at the export.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np, onnxruntime, pandas as pd
    >>> from sklearn_ncf import NCFRegressor
    >>> from sklearn_ncf.export import to_onnx
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "year": [1979, 1942, 1979, 2021]})
    >>> model = NCFRegressor(max_epochs=50, random_state=0).fit(X, [5, 1, 4, 5])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(model, os.path.join(folder, "model.onnx"))
    ...     session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"))
    >>> asked = {"user": np.array(["ann", "eve"], dtype=object), "year": np.array([1979, 2021])}  # eve is new
    >>> (ratings,) = session.run(["ratings"], asked)
    >>> bool(np.allclose(ratings, model.predict(pd.DataFrame(asked)), rtol=1e-5))
    True

    The best film for each user among those that ``exclude`` does not name:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(model, os.path.join(folder, "lists.onnx"), top_n=1)
    ...     session = onnxruntime.InferenceSession(os.path.join(folder, "lists.onnx"))
    >>> asked = {"user": np.array(["ann", "bob"], dtype=object), "exclude": np.array([[1979, 1942], [1979, 2021]])}
    >>> session.run(["year"], asked)[0].tolist()
    [[2021], [1942]]
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} for the file of path; make it first.")
    _check_packages()
    ids = PipelineIdMapper(model, needs_network=True)
    _check_exportable(ids)
    output = "ratings" if isinstance(ids.estimator, NCFRegressor) else "scores"
    graph = _rows_model(ids, output) if top_n is None else _lists_model(ids, output, int(top_n))
    write_atomic(path, serialized(graph, ids.estimator))


def _rows_model(ids, output):
    """A graph that scores rows of users and items."""
    _check_names(ids, range(ids.n_all_columns), output)
    features = feature_inputs(ids.fitted.features, ids.name_of)
    tables = tables_model(ids, range(ids.n_columns), features)
    return model_of(tables, RowScorer(ids.fitted, ids.n_columns, features), [output])


def _lists_model(ids, output, top_n):
    """A graph that ranks the candidates of `recommend`."""
    columns = [column for column in range(ids.n_columns) if column != ITEM]
    item_ids, items = ids.all_named(ITEM)
    if top_n > len(items):
        raise ValueError(f"top_n={top_n} must not exceed the {len(items)} items that recommend ranks; lower it.")
    features = feature_inputs(ids.fitted.features, ids.name_of, sides=(USER,))
    places = [*(ids.places[column] for column in columns), *(feature.place for feature in features)]
    _check_names(ids, [ids.places[ITEM], *places], output, EXCLUDE)
    candidates = as_onnx(item_ids.tolist(), ids.names[ITEM])
    tables = tables_model(ids, columns, features, candidates)
    graph = model_of(tables, ListScorer(ids.fitted, features, items, top_n), [f"{PREFIX}places", output])
    give_ids(graph, candidates, ids.names[ITEM])
    return graph


def _check_packages():
    """Say what to install, before any work."""
    try:
        with silence():
            import onnx  # noqa: F401
            import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'to_onnx needs the packages onnx and onnxscript ({error}): pip install "sklearn-ncf[onnx]"'
        ) from error


def _check_exportable(ids):
    """Refuse what a graph of tables cannot do, or not under the names of `fit`."""
    if ids.target_transformers:
        raise TypeError(
            "TransformedTargetRegressor cannot be exported, since its transformer is not part of the network; export "
            "its regressor_, and transform what the graph gives."
        )
    for encoder, encoded, *_ in ids.steps.undone:
        if encoded is None:
            raise TypeError(
                f"{type(encoder).__name__} before the estimator cannot be exported; use IdEncoder, or leave the step "
                "out: the estimator takes raw ids. Or export the Pipeline without it, such as to_onnx(model[1:], path):"
                " the graph then takes what the step puts out."
            )
        if any(place in encoded for places in ids.fitted.features.roles.features.values() for place in places):
            raise ValueError("IdEncoder encodes columns that are features; name them in its passthrough and fit again.")
        if encoder.handle_unknown == "error":
            raise ValueError(
                'IdEncoder(handle_unknown="error") raises an error for unknown ids, which a graph cannot do; call '
                'set_params(handle_unknown="encode") on it first, so that they are scored.'
            )


def _check_names(ids, places, *taken):
    """Refuse names of columns that the graph cannot have, or has for something else."""
    for name in map(ids.name_of, places):
        if name in ("", *taken):
            raise ValueError(
                f"Column {name!r} must have another name, since the graph's inputs and outputs need names that differ, "
                f"and it has {' and '.join(map(repr, taken))} besides the columns; rename it and fit again."
            )
