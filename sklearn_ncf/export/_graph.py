"""A graph from a torch module, and one of it and the tables of ids before it."""

import threading

import numpy as np
import torch

from sklearn_ncf._version import __version__
from sklearn_ncf.export._id_tables import PREFIX
from sklearn_ncf.export._silence import silence

LARGEST = 2**31 - 2**20  # bytes: a protobuf message holds less than two gibibytes, and the graph itself needs a few
EXPORTER = threading.Lock()  # torch's exporter works for one thread at a time


def model_of(tables, scorer, outputs):
    """One checked ONNX model of the tables of ids and a torch module that takes what comes out of them."""
    import onnx

    _check_size(tables, scorer)
    network = _network_model(tables, scorer, outputs)
    onnx.compose.add_prefix(network, PREFIX, rename_outputs=False, inplace=True)  # columns may have any name
    codes = [code.name for code in network.graph.input]
    tables.ir_version = network.ir_version
    tables.opset_import.extend(network.opset_import)
    return onnx.compose.merge_models(
        tables,
        network,
        [(code, code) for code in codes],
        name="sklearn_ncf",
        producer_name="sklearn-ncf",
        producer_version=__version__,
    )


def give_ids(model, item_ids, name):
    """Turn the first output, places of items with one behind the last for none, into raw ids of that name."""
    from onnx import helper, numpy_helper

    places, is_string = model.graph.output[0], isinstance(item_ids[0], str)
    none = "" if is_string else -1
    values = np.array([*item_ids, none], dtype=object if is_string else np.int64)
    model.graph.initializer.append(numpy_helper.from_array(values, f"{PREFIX}item_ids"))
    model.graph.node.append(helper.make_node("Gather", [f"{PREFIX}item_ids", places.name], [name]))
    places.name = name
    places.type.tensor_type.elem_type = model.graph.initializer[-1].data_type


def serialized(model, estimator):
    """The checked bytes of a model, which say what it is."""
    import onnx

    onnx.helper.set_model_props(model, {"sklearn_ncf": __version__, "estimator": type(estimator).__name__})
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _check_size(tables, scorer):
    """Refuse what no file can hold, before torch takes its time over it."""
    size = tables.ByteSize() + scorer.n_bytes()
    if size > LARGEST:
        raise ValueError(
            f"The model takes {size} bytes, more than the {LARGEST} that an ONNX file holds. Fit again with a smaller "
            "embedding_dim, or behind IdEncoder(min_frequency=...), which leaves infrequent ids without a vector."
        )


def _network_model(tables, scorer, outputs):
    """An ONNX model of a module, with an input for each output of the tables."""
    from onnx import helper

    names, examples, shapes, axes = [], [], [], {}
    for value in tables.graph.output:
        dims = value.type.tensor_type.shape.dim
        # Of length 2, since torch takes an axis of length 0 or 1 for a constant.
        dtype = torch.from_numpy(np.empty(0, helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))).dtype
        examples.append(torch.zeros([dim.dim_value or 2 for dim in dims], dtype=dtype, device="cpu"))
        named = {place: dim.dim_param for place, dim in enumerate(dims) if dim.dim_param}
        shapes.append({place: axes.setdefault(name, torch.export.Dim(name)) for place, name in named.items()})
        names.append(value.name.removeprefix(PREFIX))
    try:
        with EXPORTER, silence():
            program = torch.onnx.export(
                scorer,
                tuple(examples),
                dynamo=True,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=(tuple(shapes),),
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
