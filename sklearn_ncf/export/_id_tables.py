"""Tables of raw ids in a graph: the codes that the whole model gives them."""

from itertools import count
from numbers import Integral

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import MISSING

INT64 = np.iinfo(np.int64)
AXIS = "n"  # of rows
PREFIX = "network/"  # of all names behind the tables of ids
EXCLUDE = "exclude"  # the input of ids to leave out of lists
ML_OPSET = 2  # of the domain ai.onnx.ml: the first whose LabelEncoder takes ids of any type


def tables_model(ids, columns, features, candidates=None):
    """An ONNX model of the tables of ids: raw ids and features in, their codes in the estimator, and numbers, out.

    `columns` are those of ids that are inputs. With `candidates`, raw ids of items, there is an input of ids to
    exclude; their places among the candidates come out, one behind the last for all others.
    """
    from onnx import TensorProto, helper

    known = _known_ids(map(ids.steps.vocabulary, range(ids.n_columns)), ids.names)
    inputs, parts = {}, []

    def add_codes(place, name, output, table, axes=(AXIS,)):
        keys, codes, code_of_others = table
        is_string = isinstance(keys[0], str)
        attributes = {"keys_strings" if is_string else "keys_int64s": keys, "values_int64s": codes}
        attributes |= {"domain": "ai.onnx.ml", "default_int64": code_of_others}
        parts.append((helper.make_node("LabelEncoder", [name], [output], **attributes), TensorProto.INT64, axes))
        type_ = TensorProto.STRING if is_string else TensorProto.INT64
        inputs[place] = helper.make_tensor_value_info(name, type_, axes)

    of_columns = _id_tables(ids, known)
    for column in columns:
        place = ids.places[column]
        add_codes(place, ids.name_of(place), f"{PREFIX}code_{column}", of_columns[column])
    for number, (place, _, shape, vocabulary) in enumerate(features):
        name, output = ids.name_of(place), f"{PREFIX}feature_{number}"
        if vocabulary is not None:
            keys = as_onnx(vocabulary.ids.tolist(), name)
            add_codes(place, name, output, (keys, list(range(len(keys))), MISSING))
            continue
        type_, axes = TensorProto.FLOAT if shape else TensorProto.DOUBLE, [AXIS, *shape]
        parts.append((helper.make_node("Identity", [name], [output]), type_, axes))
        inputs[place] = helper.make_tensor_value_info(name, type_, axes)
    if candidates is not None:
        table = candidates, list(range(len(candidates))), len(candidates)
        add_codes(ids.n_all_columns, EXCLUDE, f"{PREFIX}{EXCLUDE}", table, (AXIS, "n_excluded"))
    outputs = [helper.make_tensor_value_info(node.output[0], *of_node) for node, *of_node in parts]
    graph = helper.make_graph([node for node, *_ in parts], "ids", [inputs[place] for place in sorted(inputs)], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", ML_OPSET)])


def _known_ids(vocabularies, names):
    """The ids of each column that have a code, as ONNX takes them, and whether the column's ids are strings."""
    known = []
    for vocabulary, name in zip(vocabularies, names, strict=True):
        examples = as_onnx(vocabulary.ids.tolist() or vocabulary.infrequent_ids.tolist(), name)
        known.append((examples[: len(vocabulary.ids)], isinstance(examples[0], str)))
    return known


def _id_tables(ids, known):
    """For each column its ids, the codes that the whole model gives them, and the one that it gives all others."""
    asked = [[*column, None, _no_id_of(column, is_string)] for column, is_string in known]
    n_rows = max(map(len, asked))
    padded = {place: pd.Series(np.full(n_rows, np.nan)) for place in range(ids.n_all_columns)}  # features
    for place, column in zip(ids.places, asked, strict=True):
        padded[place] = pd.Series(column + column[:1] * (n_rows - len(column)), dtype=object)
    frame = pd.DataFrame({ids.name_of(place): column for place, column in padded.items()})
    table = frame.to_numpy(dtype=object) if ids.fit_names is None else frame
    _, encoded, _ = ids.steps.transformed_from(table, warns=False, each=False)
    tables = []
    for j, (column, is_string) in enumerate(known):
        *codes, code_of_missing, code_of_others = encoded[: len(asked[j]), j].tolist()
        missing = "" if is_string else -1
        if missing not in column:
            column, codes = [*column, missing], [*codes, code_of_missing]
        tables.append((column, codes, code_of_others))
    return tables


def _no_id_of(ids, is_string):
    """Something that is none of the ids, but of their type, and no sign of a missing one."""
    if is_string:
        return max(ids, key=len, default="") + "?"
    among = set(ids)
    return next(number for number in count() if number not in among)


def as_onnx(ids, name):
    """Ids as integers of int64 or as strings, where they are either."""
    if not ids:
        raise ValueError(
            f"Column {name!r} holds missing ids alone, so the type of its graph input, integer or string, is unknown; "
            "fit again with at least one id in it, or, if it is a context column, without it."
        )
    if all(isinstance(id_, str) for id_ in ids):
        try:
            "".join(ids).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"Column {name!r} holds strings that UTF-8 cannot hold: {error}.") from error
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
