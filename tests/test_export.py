"""to_onnx: the graph in onnxruntime predicts what the model does, and what cannot be exported is refused."""

import io
import logging.handlers
import pickle
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from datetime import datetime
from queue import Queue

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, __version__
from sklearn_ncf.export import _graph, _onnx, to_onnx

# Each pair of two properties stands in one row at least; an export takes a second, so that not all 24 have one.
KINDS = [
    (NCFRegressor, "gmf", int, False),
    (NCFRegressor, "mlp", str, True),
    (NCFRegressor, "neumf", int, True),
    (NCFRanker, "gmf", str, True),
    (NCFRanker, "mlp", int, False),
    (NCFRanker, "neumf", str, False),
]


def small(estimator=NCFRegressor, **params):
    settings = {"embedding_dim": 8, "hidden_layer_sizes": (8, 4), "max_epochs": 2, "random_state": 0, "device": "cpu"}
    return estimator(**{**settings, **params})


def served(path, X):
    """What onnxruntime gives for a table; missing ids are -1 or an empty text."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {}
    for column, name in zip(session.get_inputs(), X.columns, strict=True):
        assert column.name == name
        text = column.type == "tensor(string)"
        ids = X[name].astype(object).where(X[name].notna(), "" if text else -1)
        feeds[name] = ids.to_numpy(dtype=object if text else np.int64)
    (scores,) = session.run(None, feeds)
    return scores


def assert_served_as_predicted(path, model, X):
    expected = model.predict(X)
    scores = served(path, X)
    assert scores.dtype == expected.dtype == np.float32
    assert scores.shape == expected.shape
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    return expected


def drawn(n_rows, rng, **columns):
    """A table of ids drawn from lists, so that rows with one, with several and with no unknown ids occur."""
    return pd.DataFrame({name: rng.choice(np.array(ids, dtype=object), n_rows) for name, ids in columns.items()})


@pytest.fixture(scope="module")
def exported(ratings, tmp_path_factory):
    """A fitted regressor, and the file that it was exported to."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    model = small().fit(*ratings)
    to_onnx(model, path)
    return model, path


@pytest.mark.parametrize(("estimator", "architecture", "type_", "encodes"), KINDS)
def test_onnxruntime_predicts_as_the_model(ratings, tmp_path, estimator, architecture, type_, encodes):
    X, y = ratings
    model = small(estimator, architecture=architecture)
    if encodes:
        model = Pipeline([("enc", IdEncoder()), ("ncf", model)])
    model.fit(X.astype(type_).astype(object), y)
    path = tmp_path / "model.onnx"
    to_onnx(model, path)

    some = drawn(10_000, np.random.RandomState(0), user=range(-5, 80), item=range(-5, 55))
    known = some["user"].isin(X["user"]), some["item"].isin(X["item"])
    assert all((a & b).sum() > 100 for a in (known[0], ~known[0]) for b in (known[1], ~known[1]))
    expected = assert_served_as_predicted(path, model, some.astype(type_).astype(object))
    assert len(np.unique(expected)) > 1000
    (output,) = onnxruntime.InferenceSession(path).get_outputs()
    assert output.name == ("ratings" if estimator is NCFRegressor else "scores")


def test_context_and_missing_ids_are_served_as_predicted(tmp_path):
    rng = np.random.RandomState(0)
    columns = {
        "user": [1, 2, 3, 4, np.nan],  # floats, as pandas reads integers with gaps
        "item": ["a", "b", "ä€", None],
        "hour": [-1, 0, 1],  # here -1 is an id,
        "genre": ["", "x", "y"],  # and so is the empty text
        "weekend": [False, True, None],
    }
    X = drawn(2000, rng, **columns).astype({"user": float})
    y = 3 + (X["user"] == 1) + X["item"].isna() - 2.0 * X["user"].isna() + X["weekend"].isna() + 0.5 * (X["hour"] < 0)
    model = small(rating_range=None, use_bias=False, max_epochs=5).fit(X, y)
    to_onnx(model, tmp_path / "model.onnx")

    for node in onnx.load(tmp_path / "model.onnx").graph.node[:5]:
        keys = next(attribute for attribute in node.attribute if attribute.name.startswith("keys"))
        keys = [*keys.ints, *keys.strings]
        assert len(keys) == len(set(keys)) > 2
    inputs = onnxruntime.InferenceSession(tmp_path / "model.onnx").get_inputs()
    types = {column.name: column.type for column in inputs}
    text, number = "tensor(string)", "tensor(int64)"
    assert types == {"user": number, "item": text, "hour": number, "genre": text, "weekend": number}

    asked = drawn(
        3000,
        rng,
        user=[1, 2, 3, 4, 99, None],
        item=["a", "b", "ä€", "zz", None],
        hour=[-1, 0, 1, 7],
        genre=["", "x", "y", "z"],
        weekend=[0, 1, 2, None],
    )
    expected = assert_served_as_predicted(tmp_path / "model.onnx", model, asked)
    pair = asked.iloc[:2].assign(item="a", hour=0, genre="x", weekend=1)
    missing, unknown = model.predict(pair.assign(user=[None, 99]))
    assert abs(missing - unknown) > 0.1  # a vector of their own, else this could not tell them apart
    assert len(np.unique(expected)) > 500


def test_pooled_infrequent_and_missing_ids_are_served_as_predicted(ratings, tmp_path):
    X, y = ratings
    X, y = X[:300].rename(columns={"item": "val_3"}).astype({"user": object}), y[:300]  # as torch names its values
    X.loc[::20, "user"] = None
    model = small(use_history=False, architecture="mlp", early_stopping=True)
    pipe = Pipeline([("enc", IdEncoder(min_frequency=5)), ("ncf", model)])
    search = GridSearchCV(pipe, {"ncf__embedding_dim": [4]}, cv=2).fit(X, y)
    encoder = search.best_estimator_["enc"]
    infrequent = set(X["user"].dropna()) - set(encoder.categories_[0])
    assert infrequent
    encoder.partial_fit(pd.DataFrame({"user": [777] * 9, "val_3": [777] * 9}))  # which the estimator does not know
    to_onnx(search, tmp_path / "model.onnx")

    asked = drawn(1000, np.random.RandomState(0), user=[*range(60), 777, 999, -1, None], val_3=[*range(45), 777])
    assert_served_as_predicted(tmp_path / "model.onnx", search, asked)
    pair = pd.DataFrame({"user": [777, min(infrequent)], "val_3": 3})
    assert len(set(search.predict(pair))) == 2


def test_a_network_of_ones_own_is_exported(ratings, tmp_path, own_network):
    X, y = ratings
    X = X.astype(object).to_numpy(copy=True)
    X[::10, 0] = None
    model = small(architecture=own_network).fit(X, y)
    to_onnx(model, str(tmp_path / "model.onnx"))
    asked = drawn(1000, np.random.RandomState(0), user=[*range(70), None], item=range(45))
    scores = served(tmp_path / "model.onnx", asked)  # columns without names are user and item
    np.testing.assert_allclose(scores, model.predict(asked.to_numpy()), rtol=1e-5, atol=1e-5)


def test_a_network_of_cosines_is_exported(ratings, tmp_path):
    X, _ = ratings
    model = small(NCFRanker, loss="softmax", temperature=0.1).fit(X)
    to_onnx(model, tmp_path / "model.onnx")
    assert_served_as_predicted(tmp_path / "model.onnx", model, X)


def test_the_export_is_silent_and_changes_nothing(ratings, tmp_path, capfd, caplog):
    model = small().fit(*ratings)
    weights = {name: weight.clone() for name, weight in model.net_.module_.state_dict().items()}
    before = torch.get_rng_state()
    to_onnx(model, tmp_path / "model.onnx")  # a warning would be an error
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
    assert torch.equal(torch.get_rng_state(), before)
    after = model.net_.module_.state_dict()
    assert weights.keys() == after.keys()
    assert all(torch.equal(after[name], weight) for name, weight in weights.items())


def test_the_file_says_what_it_is_and_where_it_was_made_stays_untold(exported):
    _, path = exported
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {prop.key: prop.value for prop in model.metadata_props} == {
        "sklearn_ncf": __version__,
        "estimator": "NCFRegressor",
    }
    assert model.producer_name == "sklearn-ncf"
    for value in (*model.graph.input, *model.graph.output):
        (axis,) = value.type.tensor_type.shape.dim
        assert axis.dim_param == "n"
    content = path.read_bytes()
    assert b".py" not in content
    assert str(_onnx.__file__).encode() not in content


def test_histories_add_nothing_to_the_file(exported):
    model, path = exported
    assert model.net_.module_.history is not None
    names = [tensor.name for tensor in onnx.load(path).graph.initializer]
    assert sum("embedding" in name for name in names) == 1
    assert not any("history" in name for name in names)


def test_a_single_row_is_served(exported):
    model, path = exported
    assert_served_as_predicted(path, model, pd.DataFrame({"user": [3], "item": [7]}))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1.5, 2.0], r"Column 'item' holds ids of type float.*\.astype\(int\) or \.astype\(str\).*fit again"),
        ([1, "a"], "Column 'item' holds ids of type int and str"),
        ([datetime(2020, 1, 1), datetime(2021, 1, 1)], "Column 'item' holds ids of type datetime"),
        ([b"a", b"b"], "Column 'item' holds ids of type bytes"),
        ([2**63, 1], "Column 'item' holds integers that int64 cannot"),
        ([float("inf"), 1], "Column 'item' holds ids of type float"),
        (["\ud800", "a"], "Column 'item' holds strings that UTF-8 cannot"),
        ([None, None], "Column 'item' holds missing ids alone, .*at least one id"),
    ],
)
def test_ids_that_a_graph_cannot_take_are_refused(quick, tmp_path, ids, message):
    X = pd.DataFrame({"user": [1, 2], "item": pd.Series(ids, dtype=object)})
    with pytest.raises(ValueError, match=message):
        to_onnx(quick(max_epochs=1).fit(X, [1.0, 2.0]), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["ratings", ""])
def test_a_column_cannot_be_named_as_the_output_or_not_at_all(quick, tmp_path, name):
    X = pd.DataFrame({"user": [1, 2], name: [1, 2]})
    with pytest.raises(ValueError, match=f"Column '{name}' must have another name, .* 'ratings'"):
        to_onnx(quick(max_epochs=1).fit(X, [1.0, 2.0]), tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda m, X: NCFRegressor(), NotFittedError, "not fitted yet"),
        (lambda m, X: Ridge(), TypeError, "fitted estimator of sklearn_ncf, .*; got Ridge"),
        (
            lambda m, X: make_pipeline(OrdinalEncoder(), m).fit(X, np.arange(len(X))),
            TypeError,
            "OrdinalEncoder before the estimator cannot be exported; use IdEncoder, or leave",
        ),
        (
            lambda m, X: make_pipeline(IdEncoder(handle_unknown="error"), m).fit(X, np.arange(len(X))),
            ValueError,
            'handle_unknown="error".*which a graph cannot do.*set_params',
        ),
    ],
)
def test_models_that_cannot_be_exported_are_refused(quick, ratings, tmp_path, make, error, message):
    model = make(quick(max_epochs=1), ratings[0][:50])
    with pytest.raises(error, match=message):
        to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_that_cannot_be_traced_is_refused(quick, ratings, tmp_path, own_network):
    class Branching(own_network):
        def forward(self, codes):
            return super().forward(codes) * (2.0 if codes.sum().item() > 5 else 1.0)

    X, y = ratings
    model = quick(architecture=Branching, max_epochs=1).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match=r"network Branching cannot be exported: torch\.onnx\.export"):
        to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_model_too_large_for_a_file_is_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(_graph, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"The model takes \d+ bytes, more than the 1000 .* embedding_dim"):
        to_onnx(exported[0], tmp_path / "model.onnx")


def test_a_write_that_fails_leaves_the_last_file_and_nothing_else(exported, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the last one")

    def fails(*args, **params):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="No space left"):
        to_onnx(exported[0], path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"the last one"


def test_a_folder_that_is_not_there_is_named_before_any_work(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(_onnx, "PipelineIdMapper", None)
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*nowhere'"):
        to_onnx(exported[0], tmp_path / "nowhere" / "model.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(exported, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-ncf\[onnx\]"'):
        to_onnx(exported[0], tmp_path / "model.onnx")


@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
@pytest.mark.parametrize("type_", [int, str])
def test_a_model_whose_ids_are_all_infrequent_is_served_as_predicted(tmp_path, estimator, type_):
    X = pd.DataFrame({"user": np.arange(20), "item": np.arange(20)}).astype(type_).astype(object)
    pipe = make_pipeline(IdEncoder(min_frequency=2), small(estimator, max_epochs=1)).fit(X, np.arange(20.0))
    to_onnx(pipe, tmp_path / "model.onnx")
    asked = pd.DataFrame({"user": [3, 99, None], "item": [4, 5, None]}, dtype=object)
    asked = asked.where(asked.isna(), asked.map(type_, na_action="ignore"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unknown ids
        assert_served_as_predicted(tmp_path / "model.onnx", pipe, asked)


def process_wide_state():
    """What an export could leave behind in the process."""
    loggers = [logging.getLogger(name) for name in sorted(logging.root.manager.loggerDict)]
    return (
        sys.stdout,
        sys.stderr,
        list(warnings.filters),
        warnings.showwarning,
        [(logger.name, logger.level, list(logger.filters), logger.disabled) for logger in loggers],
    )


def test_exports_in_several_threads_write_what_one_alone_writes_and_leave_the_process_as_it_was(ratings, tmp_path):
    X, y = ratings
    models = [small(architecture=architecture).fit(X, y) for architecture in ("gmf", "mlp", "neumf")]
    to_onnx(models[0], tmp_path / "first.onnx")  # imports what it needs, which makes loggers
    before = process_wide_state()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(to_onnx, models, [tmp_path / f"{number}.onnx" for number in range(3)]))
    assert process_wide_state() == before
    for number, model in enumerate(models):
        assert_served_as_predicted(tmp_path / f"{number}.onnx", model, X[:100])
    assert (tmp_path / "0.onnx").read_bytes() == (tmp_path / "first.onnx").read_bytes()


def test_during_an_export_other_threads_print_warn_and_log_as_ever(ratings, tmp_path, own_network, capsys):
    in_forward, goes_on = threading.Event(), threading.Event()

    class Waits(own_network):
        def forward(self, codes):
            if codes.shape[0] == 2 and not self.training:  # the exporter's example
                in_forward.set()
                assert goes_on.wait(60)
            return super().forward(codes)

    model = small(architecture=Waits).fit(*ratings)
    logger, logged = (
        logging.getLogger("torch.onnx._internal.exporter._registration"),
        logging.handlers.QueueHandler(Queue()),
    )
    logger.addHandler(logged)
    level = logger.level, logging.getLogger("torch.onnx").level
    with ThreadPoolExecutor(1) as pool:
        export = pool.submit(to_onnx, model, tmp_path / "model.onnx")
        assert in_forward.wait(60)
        try:
            assert (logger.level, logging.getLogger("torch.onnx").level) == level
            print("printed meanwhile")  # noqa: T201
            logger.warning("logged meanwhile")
            with pytest.warns(UserWarning, match="warned meanwhile"):
                warnings.warn("warned meanwhile", UserWarning, stacklevel=1)
            with pytest.raises(UserWarning):  # filters are those of before: errors, in these tests
                warnings.warn("warned meanwhile", UserWarning, stacklevel=1)
            with redirect_stdout(io.StringIO()) as mine, warnings.catch_warnings():
                goes_on.set()
                export.result(60)
                print("redirected")  # noqa: T201
        finally:
            goes_on.set()
            logger.removeHandler(logged)
    assert "redirected" in mine.getvalue()
    assert "printed meanwhile" in capsys.readouterr().out
    assert [record.message for record in logged.queue.queue] == ["logged meanwhile"]  # and nothing of the export
    with pytest.raises(UserWarning):
        warnings.warn("warned afterwards", UserWarning, stacklevel=1)
    assert pickle.loads(pickle.dumps(warnings.filters)) is not None  # joblib sends them to its workers


def test_an_export_that_fails_leaves_the_process_as_it_was(quick, ratings, tmp_path, own_network):
    class Branching(own_network):
        def forward(self, codes):
            return super().forward(codes) * (2.0 if codes.sum().item() > 5 else 1.0)

    model = quick(architecture=Branching, max_epochs=1).fit(*ratings)
    before = process_wide_state()
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be exported"):
            to_onnx(model, tmp_path / "model.onnx")
    after = process_wide_state()
    assert after[:4] == before[:4]
    assert {name: state for name, *state in before[4]}.items() <= {name: state for name, *state in after[4]}.items()


def test_an_export_does_not_depend_on_what_is_set_for_torch(ratings, tmp_path):
    model = small(architecture="neumf").fit(*ratings)
    to_onnx(model, tmp_path / "expected.onnx")
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu", dtype=torch.bfloat16):
            to_onnx(model, tmp_path / "model.onnx")
    finally:
        torch.set_default_dtype(dtype)
    assert (tmp_path / "model.onnx").read_bytes() == (tmp_path / "expected.onnx").read_bytes()


def test_a_target_transformer_is_refused_with_a_way_out(quick, ratings, tmp_path):
    model = TransformedTargetRegressor(quick(), func=np.log1p, inverse_func=np.expm1).fit(*ratings)
    with pytest.raises(TypeError, match=r"TransformedTargetRegressor cannot be exported, .* export its"):
        to_onnx(model, tmp_path / "model.onnx")
