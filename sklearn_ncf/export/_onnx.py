"""to_onnx: a fitted model as one ONNX graph, raw ids in and ratings or scores out."""

import copy
import threading
from itertools import count
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from sklearn_ncf._files import write_atomic
from sklearn_ncf._regressor import NCFRegressor
from sklearn_ncf._version import __version__
from sklearn_ncf.encoding import MISSING
from sklearn_ncf.export._features import SideFeatures, feature_inputs
from sklearn_ncf.export._silence import silence
from sklearn_ncf.fitting import ORDINARY
from sklearn_ncf.lists import PipelineIdMapper
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER, EmbeddingNN, default_settings

LARGEST = 2**31 - 2**20  # bytes: a protobuf message holds less than two gibibytes, and the graph itself needs a few
INT64 = np.iinfo(np.int64)
AXIS = "n"  # of rows
PREFIX = "network/"  # of all names behind the tables of ids
EXPORTER = threading.Lock()  # torch's exporter works for one thread at a time
ML_OPSET = 2  # of the domain ai.onnx.ml: the first whose LabelEncoder takes ids of any type


@default_settings()
def to_onnx(model, path):
    """Write a fitted model to an ONNX file, which takes raw ids and needs neither Python nor this library.

    The tables of ids are part of the graph, and so is what is predicted for unknown and missing ids: the scores are
    those of `predict`, up to rounding. torch's exporter turns the network into a graph, one of your own too.

    Parameters
    ----------
    model : estimator or Pipeline
        A fitted :class:`~sklearn_ncf.NCFRegressor` or :class:`~sklearn_ncf.NCFRanker`, a Pipeline of
        :class:`~sklearn_ncf.IdEncoder` and one of them, or a fitted search over one of these. Steps that only select
        or add columns, such as a `ColumnTransformer`, are not part of the graph: its inputs are the columns that
        arrive at the next step, or at the :class:`~sklearn_ncf.IdEncoder` in a `ColumnTransformer`.

    path : str or path-like
        File to write. It is replaced when the export has succeeded, and left alone otherwise.

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
        has ``handle_unknown="error"``, torch cannot export a custom network, or the model takes more than two
        gibibytes.

    See Also
    --------
    sklearn_ncf.recommend : Ranked items from a fitted model, in Python.

    Notes
    -----
    *Inputs*: one a column, of shape [n], named as in `fit` (``user``, ``item``, ``context_1``, ... where the columns
    had no names). Ids that were integers in `fit`, whole floats or booleans (0 and 1) are of type int64, the others
    strings. *Output*: ``ratings`` of an :class:`~sklearn_ncf.NCFRegressor`, ``scores`` of an
    :class:`~sklearn_ncf.NCFRanker`, of the dtype that `predict` gives (float32; float64 for ratings of unusual offset
    or size), of shape [n].

    A missing id is ``-1`` or the empty string, unless `fit` has seen that as an id. See ``docs/serving.md``.

    *Features* are inputs too, named as in `fit` (``feature_2``, ... by their places where the columns had no names):
    categories as ids, numbers of type float64, ``NaN`` where one is missing, and blocks of numbers of type float32 and
    shape [n, width].

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
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(path.parent)!r} for the file of path; make it first.")
    _check_packages()
    ids = PipelineIdMapper(model, needs_network=True)
    output = "ratings" if isinstance(ids.estimator, NCFRegressor) else "scores"
    _check_exportable(ids, output)
    features = feature_inputs(ids.fitted.features, ids.name_of)
    tables = _tables_model(ids, features)
    scorer = _Scorer(ids.fitted, ids.n_columns, features)
    _check_size(tables, scorer)
    network = _network_model(scorer, ids.n_columns, features, output)
    write_atomic(path, _joined(tables, network, ids.estimator).SerializeToString())


class _Scorer(nn.Module):
    """A network with what `predict` does after it: codes of each column, of shape (n,), to scores of shape (n,).

    Features follow the codes, in the order of their inputs.
    """

    def __init__(self, fitted, n_columns, features):
        super().__init__()
        self.n_columns, self.sides = n_columns, [feature.side for feature in features]
        descriptions = fitted.features.descriptions
        self.features = nn.ModuleDict({str(side): SideFeatures(of_side) for side, of_side in descriptions.items()})
        network = copy.deepcopy(fitted.net.module_).to("cpu")
        self.network = network
        self.eval()
        if type(network) is EmbeddingNN and network.history is not None:  # one table instead of two
            with torch.no_grad():
                network.embedding.weight.copy_(network.vectors(torch.arange(len(network.embedding.weight))))
            network.history = None
        self.of_unknown = fitted.of_unknown
        self.offset, self.scale = fitted.units
        for column, name in ((USER, "knows_user"), (ITEM, "knows_item")):
            codes = np.arange(-N_SPECIAL, fitted.net.module__n_ids[column])
            self.register_buffer(name, torch.from_numpy(fitted.seen.trained(column, codes)))

    def forward(self, *inputs):
        """Score rows of codes and features."""
        codes, values = inputs[: self.n_columns], inputs[self.n_columns :]
        knows = [self.knows_user[codes[USER] + N_SPECIAL], self.knows_item[codes[ITEM] + N_SPECIAL]]
        if values:
            scores = self._described_scores(torch.stack(codes, dim=1), values, knows)
        else:
            scores = self.network(torch.stack(codes, dim=1)).float()
        if self.of_unknown is None:
            return scores
        scores = torch.where(knows[USER] | knows[ITEM], scores, self.of_unknown)
        if (self.offset, self.scale) == ORDINARY:
            return scores
        return self.offset + self.scale * scores.double()

    def _described_scores(self, codes, values, knows):
        """Scores with what features say of unknown ids, who are known then."""
        rows = self.network.table_rows(codes)
        vectors, bias = list(self.network.vectors(rows).unbind(1)), self.network.summed_bias(rows)
        for side, of_side in self.features.items():
            column = int(side)
            deviations, described = of_side(
                [value for value, of in zip(values, self.sides, strict=True) if of == column]
            )
            deviations = deviations * ~knows[column].unsqueeze(1)
            vectors[column] = vectors[column] + deviations[:, :-1]
            bias = bias + deviations[:, -1]
            knows[column] = knows[column] | described
        return self.network.score(torch.stack(vectors, dim=1), bias).float()


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


def _check_exportable(ids, output):
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
    for name in map(ids.name_of, range(ids.n_all_columns)):
        if name in ("", output):
            raise ValueError(
                f"Column {name!r} must have another name, since the graph has an input for each column, which needs a "
                f"name, and the output is called {output!r}; rename it and fit again."
            )


def _tables_model(ids, features):
    """An ONNX model of the tables of ids: raw ids and features in, their codes in the estimator, and numbers, out."""
    from onnx import TensorProto, helper

    known = _known_ids(map(ids.steps.vocabulary, range(ids.n_columns)), ids.names)
    inputs, parts = {}, []

    def add_codes(place, output, keys, codes, code_of_others):
        name, text = ids.name_of(place), isinstance(keys[0], str)
        tables = {"keys_strings" if text else "keys_int64s": keys, "values_int64s": codes}
        tables |= {"domain": "ai.onnx.ml", "default_int64": code_of_others}
        parts.append((helper.make_node("LabelEncoder", [name], [output], **tables), TensorProto.INT64, [AXIS]))
        inputs[place] = helper.make_tensor_value_info(name, TensorProto.STRING if text else TensorProto.INT64, [AXIS])

    for column, table in enumerate(_id_tables(ids, known)):
        add_codes(ids.places[column], f"{PREFIX}code_{column}", *table)
    for number, (place, _, shape, vocabulary) in enumerate(features):
        output = f"{PREFIX}feature_{number}"
        if vocabulary is not None:
            keys = _as_onnx(vocabulary.ids.tolist(), ids.name_of(place))
            add_codes(place, output, keys, list(range(len(keys))), MISSING)
            continue
        name, type_ = ids.name_of(place), TensorProto.FLOAT if shape else TensorProto.DOUBLE
        parts.append((helper.make_node("Identity", [name], [output]), type_, [AXIS, *shape]))
        inputs[place] = helper.make_tensor_value_info(name, type_, [AXIS, *shape])
    outputs = [helper.make_tensor_value_info(node.output[0], *of_node) for node, *of_node in parts]
    graph = helper.make_graph([node for node, *_ in parts], "ids", [inputs[place] for place in sorted(inputs)], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", ML_OPSET)])


def _known_ids(vocabularies, names):
    """The ids of each column that have a code, as ONNX takes them, and whether the column's ids are strings."""
    known = []
    for vocabulary, name in zip(vocabularies, names, strict=True):
        examples = _as_onnx(vocabulary.ids.tolist() or vocabulary.infrequent_ids.tolist(), name)
        known.append((examples[: len(vocabulary.ids)], isinstance(examples[0], str)))
    return known


def _id_tables(ids, known):
    """For each column its ids, the codes that the whole model gives them, and the one that it gives all others."""
    asked = [[*column, None, _no_id_of(column, text)] for column, text in known]
    n_rows = max(map(len, asked))
    padded = {place: pd.Series(np.full(n_rows, np.nan)) for place in range(ids.n_all_columns)}  # features
    for place, column in zip(ids.places, asked, strict=True):
        padded[place] = pd.Series(column + column[:1] * (n_rows - len(column)), dtype=object)
    frame = pd.DataFrame({ids.name_of(place): column for place, column in padded.items()})
    table = frame.to_numpy(dtype=object) if ids.fit_names is None else frame
    encoded, _ = ids.steps.encoded_from(table, warns=False, each=False)
    tables = []
    for j, (column, text) in enumerate(known):
        *codes, code_of_missing, code_of_others = encoded[: len(asked[j]), j].tolist()
        missing = "" if text else -1
        if missing not in column:
            column, codes = [*column, missing], [*codes, code_of_missing]
        tables.append((column, codes, code_of_others))
    return tables


def _no_id_of(ids, text):
    """Something that is none of the ids, but of their type, and no sign of a missing one."""
    if text:
        return max(ids, key=len, default="") + "?"
    among = set(ids)
    return next(number for number in count() if number not in among)


def _as_onnx(ids, name):
    """Ids as integers of int64 or as texts, where they are either."""
    if not ids:
        raise ValueError(
            f"Column {name!r} holds missing ids alone, so the type of its graph input, integer or string, is unknown; "
            "fit again with at least one id in it, or, if it is a context column, without it."
        )
    if all(isinstance(id_, str) for id_ in ids):
        try:
            "".join(ids).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"Column {name!r} holds texts that UTF-8 cannot hold: {error}.") from error
        return [str(id_) for id_ in ids]
    # booleans are integers, and whole floats are the same ids: pandas reads integers with gaps as floats
    if not all(isinstance(id_, Integral | np.bool_) or (isinstance(id_, float) and id_.is_integer()) for id_ in ids):
        types = " and ".join(sorted({type(id_).__name__ for id_ in ids}))
        raise ValueError(
            f"Column {name!r} holds ids of type {types}, but a graph takes integers or strings, one type a column. "
            "Convert the column with .astype(int) or .astype(str), and fit again."
        )
    numbers = [int(id_) for id_ in ids]
    if min(numbers) < INT64.min or max(numbers) > INT64.max:
        raise ValueError(
            f"Column {name!r} holds integers that int64 cannot hold. Convert it with .astype(str), and fit again."
        )
    return numbers


def _check_size(tables, scorer):
    """Refuse what no file can hold, before torch takes its time over it."""
    size = tables.ByteSize() + sum(tensor.nbytes for tensor in scorer.state_dict().values())
    if size > LARGEST:
        raise ValueError(
            f"The model takes {size} bytes, more than the {LARGEST} that an ONNX file holds. Fit again with a smaller "
            "embedding_dim, or behind IdEncoder(min_frequency=...), which leaves infrequent ids without a vector."
        )


def _network_model(scorer, n_columns, features, output):
    """An ONNX model of the network, with an input of codes for each column of ids, and one for each feature."""
    # Two rows, since torch takes an axis of length 0 or 1 for a constant, and a tensor each: of one it makes one input.
    examples = [torch.zeros(2, dtype=torch.int64, device="cpu") for _ in range(n_columns)]
    for _, _, shape, vocabulary in features:
        of_numbers = torch.float32 if shape else torch.float64
        dtype = torch.int64 if vocabulary is not None else of_numbers
        examples.append(torch.zeros(2, *shape, dtype=dtype, device="cpu"))
    names = [f"code_{column}" for column in range(n_columns)]
    names += [f"feature_{number}" for number in range(len(features))]
    axis = {0: torch.export.Dim(AXIS)}
    try:
        with EXPORTER, silence():
            program = torch.onnx.export(
                scorer,
                tuple(examples),
                dynamo=True,
                input_names=names,
                output_names=[output],
                dynamic_shapes=((axis,) * len(examples),),
                verbose=False,
                optimize=False,  # onnxscript 0.6 prints what it has done
            )
            _simplify(program.model)
            return program.model_proto
    except torch.onnx.errors.OnnxExporterError as error:
        raise ValueError(
            f"The network {type(scorer.network).__name__} cannot be exported: torch.onnx.export finds no graph for it "
            "that holds for all codes. A forward that branches on values is the usual cause; see the error above."
        ) from error


def _simplify(model):
    """Compute what is constant, and drop what nothing needs."""
    from onnx_ir.passes import Sequential, common
    from onnxscript import optimizer

    optimizer.inline(model)
    optimizer.fold_constants(model, onnx_shape_inference=True)
    Sequential(
        common.IdentityEliminationPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.ClearMetadataAndDocStringPass(),  # lines of code, and in which files they stand
    )(model)


def _joined(tables, network, estimator):
    """One checked model of the tables of ids and the network behind them."""
    import onnx

    onnx.compose.add_prefix(network, PREFIX, rename_outputs=False, inplace=True)  # columns may have any name
    codes = [code.name for code in network.graph.input]
    tables.ir_version = network.ir_version
    tables.opset_import.extend(network.opset_import)
    model = onnx.compose.merge_models(
        tables,
        network,
        [(code, code) for code in codes],
        name="sklearn_ncf",
        producer_name="sklearn-ncf",
        producer_version=__version__,
    )
    onnx.helper.set_model_props(model, {"sklearn_ncf": __version__, "estimator": type(estimator).__name__})
    onnx.checker.check_model(model, full_check=True)
    return model
