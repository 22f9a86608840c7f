"""Arguments that hold ids: each form means what it says, or is refused by name."""

import array
import ipaddress
import itertools
from collections import Counter, UserDict, namedtuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.pipeline import make_pipeline
from tables_of_ids import as_pandas

from sklearn_ncf import IdEncoder, NCFRegressor, recommend, similar_items
from sklearn_ncf.inspection import EmbeddingDisplay

pytestmark = pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit", "ignore:.*there are fewer items")

USERS, ITEMS = [9, 3, 7], [5, 11, 2]


def fit(X, **params):
    params = {"embedding_dim": 2, "max_epochs": 1, "random_state": 0, "device": "cpu"} | params
    return NCFRegressor("gmf", **params).fit(X, np.arange(len(X)) % 5)


def grid(users, items):
    """A table in which each user has interacted with each item."""
    return pd.DataFrame([(user, item) for user in users for item in items], columns=["user", "item"])


@pytest.fixture(scope="module")
def numbers():
    return fit(grid(range(10), range(12)))


@pytest.fixture(scope="module")
def words():
    return fit(grid([f"u{n}" for n in range(4)], [f"i{n}" for n in range(5)] + ["item", "user"]))


@pytest.fixture(scope="module")
def tuples():
    return fit(grid([("a", 1), ("b", 2), ("c",), ("c", ("c",))], [("x", n) for n in range(4)]))


@pytest.fixture(scope="module")
def in_context():
    X = grid(range(10), range(12))
    return fit(X.assign(hour=np.arange(len(X)) % 3))


Row = namedtuple("Row", ["user"])

# Forms of three ids, in their order.
COLLECTIONS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "array of objects": lambda ids: np.array(ids, dtype=object),
    "array of another type": lambda ids: np.array(ids, dtype=np.uint8),
    "column vector": lambda ids: np.array(ids)[:, None],
    "list of rows": lambda ids: [[id_] for id_ in ids],
    "list of tuples": lambda ids: [(id_,) for id_ in ids],
    "list of named tuples": lambda ids: [Row(id_) for id_ in ids],
    "list of arrays": lambda ids: [np.array([id_]) for id_ in ids],
    "list of numpy scalars": lambda ids: list(np.array(ids)),
    "masked array": lambda ids: np.ma.masked_array(ids, mask=False),
    "tensor": torch.tensor,
    "column of a tensor": lambda ids: torch.tensor(ids)[:, None],
    "Series": pd.Series,
    "Series with a name and another index": lambda ids: pd.Series(ids, index=["x", "y", "x"], name="anything"),
    "Series of objects": lambda ids: pd.Series(ids, dtype=object),
    "Series of categories": lambda ids: pd.Series(ids, dtype="category"),
    "Series of Int64": lambda ids: pd.Series(ids, dtype="Int64"),
    "Series of Arrow": lambda ids: pd.Series(ids, dtype=pd.ArrowDtype(pa.int64())),
    "Index": pd.Index,
    "Index with a name": lambda ids: pd.Index(ids, name="anything"),
    "CategoricalIndex": pd.CategoricalIndex,
    "MultiIndex of one level": lambda ids: pd.MultiIndex.from_arrays([ids]),
    "Categorical": pd.Categorical,
    "nullable array": lambda ids: pd.array(ids, dtype="Int64"),
    "polars Series": pl.Series,
    "pyarrow array": pa.array,
    "pyarrow chunked array": lambda ids: pa.chunked_array([ids[:1], ids[1:]]),
    "pyarrow dictionary": lambda ids: pa.array(ids).dictionary_encode(),
    "array.array": lambda ids: array.array("l", ids),
    "generator": lambda ids: (id_ for id_ in ids),
    "iterator": iter,
    "map": lambda ids: map(int, ids),
    "keys": lambda ids: dict.fromkeys(ids).keys(),
    "values": lambda ids: {str(id_): id_ for id_ in ids}.values(),
    "repeated": lambda ids: [*ids, *ids],
}
TABLES = {
    "DataFrame": pd.DataFrame,
    "DataFrame with another index": lambda columns: pd.DataFrame(columns).set_index([[7, 7, 7]]),
    "polars DataFrame": pl.DataFrame,
    "pyarrow table": pa.table,
    "pyarrow record batch": pa.RecordBatch.from_pydict,
}


@pytest.mark.parametrize("form", COLLECTIONS)
def test_a_collection_of_any_form_holds_its_ids_in_their_order(numbers, form):
    make = COLLECTIONS[form]
    lists = recommend(numbers, make(USERS), 3, items=make(ITEMS), exclude_seen=False)
    expected = recommend(numbers, USERS, 3, items=ITEMS, exclude_seen=False)
    pd.testing.assert_frame_equal(as_pandas(lists), expected)
    assert expected["user"].drop_duplicates().tolist() == USERS
    pd.testing.assert_frame_equal(as_pandas(similar_items(numbers, make(ITEMS), 3)), similar_items(numbers, ITEMS, 3))
    assert EmbeddingDisplay.from_estimator(numbers, ids=make(ITEMS)).ids.tolist() == ITEMS
    plt.close("all")


@pytest.mark.parametrize("form", TABLES)
def test_a_table_gives_its_column_of_the_name_of_fit(numbers, form):
    make = TABLES[form]
    users, items = make({"user": USERS, "more": ["x", "y", "z"]}), make({"title": ["x", "y", "z"], "item": ITEMS})
    lists = recommend(numbers, users, 3, items=items, exclude_seen=False)
    pd.testing.assert_frame_equal(as_pandas(lists), recommend(numbers, USERS, 3, items=ITEMS, exclude_seen=False))
    pd.testing.assert_frame_equal(as_pandas(similar_items(numbers, items, 3)), similar_items(numbers, ITEMS, 3))
    with pytest.raises(
        ValueError, match=r"items, as a table, must have the column 'item'; got \['film'\].* items\['film'\]"
    ):
        recommend(numbers, 3, items=make({"film": ITEMS}))
    with pytest.raises(ValueError, match=r"items holds the column 'user' too, .* pass items\['item'\]"):
        similar_items(numbers, make({"user": USERS, "item": ITEMS}))
    with pytest.raises(ValueError, match="ids, as a table, must have the column 'item'"):
        EmbeddingDisplay.from_estimator(numbers, ids=make({"film": ITEMS}))


def test_names_of_columns_are_no_ids(words):
    X = grid(["u1"], ["i1", "i3"])
    for items in (X[["item"]], X[["item"]].astype(str), pl.from_pandas(X[["item"]]), X[["item"]].to_numpy()):
        assert set(recommend(words, "u1", 9, items=items, exclude_seen=False)["item"]) == {"i1", "i3"}
        assert set(similar_items(words, items)["item"]) == {"i1", "i3"}


@pytest.mark.parametrize("form", TABLES)
def test_without_names_in_fit_a_table_has_one_column(form):
    model = fit(grid(range(10), range(12)).to_numpy())
    make = TABLES[form]
    lists = recommend(model, make({"a": USERS}), 3, items=make({"b": ITEMS}), exclude_seen=False)
    pd.testing.assert_frame_equal(as_pandas(lists), recommend(model, USERS, 3, items=ITEMS, exclude_seen=False))
    with pytest.raises(TypeError, match="items is a table of 2 columns; pass one of them"):
        similar_items(model, make({"a": USERS, "b": ITEMS}))


@pytest.mark.parametrize(
    "make",
    [
        lambda id_: id_,
        np.int64,
        np.array,
        np.float32,
        torch.tensor,
        pa.scalar,
        lambda id_: [id_],
        lambda id_: np.array([[id_]]),
    ],
)
def test_one_id_alone_will_do(numbers, make):
    lists = recommend(numbers, make(3), 2, items=make(5), exclude_seen=False)
    pd.testing.assert_frame_equal(lists, recommend(numbers, [3], 2, items=[5], exclude_seen=False), check_dtype=False)
    assert similar_items(numbers, make(5), 2)["item"].tolist() == [5, 5]


def test_strings_and_bytes_are_one_id_each():
    for ids in (["ab", "a", "b"], [b"ab", b"a", b"b"]):
        model = fit(grid(ids, ids))
        assert set(recommend(model, ids[0], items=ids[0], exclude_seen=False)["item"]) == {ids[0]}
        assert recommend(model, tuple(ids), 1, exclude_seen=False)["user"].tolist() == ids
        assert set(similar_items(model, np.array(ids[0]))["item"]) == {ids[0]}


@pytest.mark.parametrize("make", [set, frozenset])
def test_a_set_is_sorted(words, numbers, make):
    assert recommend(numbers, make(USERS), 1, exclude_seen=False)["user"].tolist() == sorted(USERS)
    assert recommend(words, make(["u3", "u1", "u2"]), 1, exclude_seen=False)["user"].tolist() == ["u1", "u2", "u3"]
    mixed = fit(grid([1, "1", 2, "a"], [1, 2]).astype(object))
    assert recommend(mixed, make(["a", 2, "1", 1]), 1, exclude_seen=False)["user"].tolist() == [1, 2, "1", "a"]
    lists = recommend(words, make(["u3", None, "u1"]), 1, exclude_seen=False)
    assert lists["user"].tolist()[:2] == ["u1", "u3"]
    assert lists["user"].isna().tolist() == [False, False, True]
    assert similar_items(words, make(["i3", "i1"]), 1)["item"].tolist() == ["i1", "i3"]


def test_a_range_holds_its_numbers(numbers):
    assert recommend(numbers, range(3, 6), 1, items=range(2), exclude_seen=False)["user"].tolist() == [3, 4, 5]


@pytest.mark.parametrize("piped", [False, True])
def test_tuples_are_ids_where_fit_has_seen_tuples(piped):
    users = [("a", 1), ("b", 2), ("c",), ("c", ("c",)), ("d", 4)]
    X = grid(users, [("x", n) for n in range(4)])
    model = make_pipeline(IdEncoder(), NCFRegressor(max_epochs=1)).fit(X, np.arange(20)) if piped else fit(X)

    def asked(argument):
        return recommend(model, argument, 1, exclude_seen=False)["user"].tolist()

    assert asked(("a", 1)) == [("a", 1)]
    assert asked([("a", 1), ("c",)]) == asked((("a", 1), ("c",))) == [("a", 1), ("c",)]
    assert asked([("c",)]) == asked(("c",)) == [("c",)]
    assert asked(("new", 3)) == [("new", 3)]
    assert asked(np.array([("a", 1), None], dtype=object)[:1]) == [("a", 1)]
    assert asked(pd.MultiIndex.from_tuples([("a", 1), ("d", 4)])) == [("a", 1), ("d", 4)]
    assert asked({("d", 4), ("a", 1)}) == [("a", 1), ("d", 4)]
    assert set(similar_items(model, ("x", 2))["item"]) == {("x", 2)}
    assert set(similar_items(model, [("x", 2), ("x", 0)])["item"]) == {("x", 2), ("x", 0)}
    assert recommend(model, ("a", 1), items=("x", 1), exclude_seen=False)["item"].tolist() == [("x", 1)]
    display = EmbeddingDisplay.from_estimator(model, ids=[("x", 0), ("x", 2)], labels={("x", 2): "two"})
    assert display.ids.tolist() == [("x", 0), ("x", 2)]
    plt.close("all")


def test_ids_that_can_be_iterated_over_are_ids_where_fit_has_seen_such():
    networks = [ipaddress.ip_network(f"10.0.{n}.0/24") for n in range(4)]
    sets = [frozenset([n, n + 1]) for n in range(4)]
    for ids in (networks, sets):
        model = fit(grid(ids, ids))
        assert recommend(model, ids[1], 1, exclude_seen=False)["user"].tolist() == [ids[1]]
        assert recommend(model, [ids[2], ids[1]], 1, exclude_seen=False)["user"].tolist() == [ids[2], ids[1]]
        assert set(similar_items(model, ids[3])["item"]) == {ids[3]}
    assert recommend(model, frozenset(sets[:2]), 1, exclude_seen=False)["user"].nunique() == 2


def test_rows_of_users_with_their_context_come_in_any_form(in_context):
    frame = pd.DataFrame({"user": [4, 4, 7, 4], "hour": [0, 1, 2, 0]})
    rows = list(zip(frame["user"], frame["hour"], strict=True))
    expected = recommend(in_context, frame, 2, exclude_seen=False)
    forms = [
        rows,
        tuple(rows),
        [list(row) for row in rows],
        frame.to_numpy(),
        np.ma.masked_array(frame.to_numpy(), mask=False),
        torch.tensor(frame.to_numpy()),
        pl.from_pandas(frame),
        pa.table(frame),
        pd.MultiIndex.from_frame(frame),
        pd.MultiIndex.from_frame(frame[["hour", "user"]]),
        pd.MultiIndex.from_tuples(rows),
        frame[["hour", "user"]],
    ]
    for form in forms:
        found = recommend(in_context, form, 2, exclude_seen=False)
        pd.testing.assert_frame_equal(as_pandas(found), expected)
    alone = recommend(in_context, [4, 7], 2, exclude_seen=False)
    for form in (np.array([[4], [7]]), [[4], [7]], {7, 4}, iter([4, 7])):
        pd.testing.assert_frame_equal(recommend(in_context, form, 2, exclude_seen=False), alone)


@pytest.mark.parametrize("piped", [False, True])
def test_a_user_beside_a_missing_one_stays_known(piped):
    X = grid([2**60, 2**60 + 1], range(2**60, 2**60 + 4))
    model = make_pipeline(IdEncoder(), NCFRegressor(max_epochs=5, random_state=0)) if piped else NCFRegressor("gmf")
    model.fit(X, [1, 2, 3, 4, 4, 3, 2, 1])
    alone = recommend(model, 2**60 + 1, exclude_seen=False)
    beside = recommend(model, [2**60 + 1, None], exclude_seen=False)
    assert beside["user"].tolist() == [2**60 + 1] * 4 + [None] * 4
    pd.testing.assert_frame_equal(beside[["item", "rank", "score"]][:4], alone[["item", "rank", "score"]])


REFUSED = {
    "dict": (lambda: {3: "a"}, TypeError, r"{name} is a dict, .*list\({name}\), or its values, list\({name}.values"),
    "Counter": (lambda: Counter([3]), TypeError, "{name} is a Counter"),
    "mapping": (lambda: UserDict({3: 1}), TypeError, "{name} is a UserDict"),
    "items": (lambda: {3: 5}.items(), ValueError, r"{name} must have one column of ids; got shape \(1, 2\)"),
    "row vector": (lambda: np.array([[3, 5]]), ValueError, r"{name}.* column.*; got shape \(1, 2\)"),
    "matrix": (lambda: [[3, 5], [5, 3]], ValueError, r"{name}.* column.*; got shape \(2, 2\)"),
    "ragged rows": (lambda: [[3], [3, 5]], ValueError, r"{name}.* column.*; got shape \(2, '1 to 2'\)"),
    "three dimensions": (lambda: np.zeros((2, 2, 2)), ValueError, r"{name}.*; got shape \(2, 2, 2\)"),
    "three dimensions of one": (lambda: np.zeros((2, 1, 1)), ValueError, r"{name}.*; got shape \(2, 1, 1\)"),
    "rows among ids": (lambda: [3, [5]], TypeError, "{name} holds something that cannot be an id"),
    "sets": (lambda: [{3}, {5}], TypeError, "{name} holds something that cannot be an id"),
    "bytearray": (lambda: bytearray(b"ab"), TypeError, "{name} holds something that cannot be an id"),
    "sparse matrix": (lambda: sparse.csr_matrix([[3]]), TypeError, "{name} is a sparse matrix"),
    "structured array": (
        lambda: np.array([(3, 5)], dtype=[("user", int), ("item", int)]),
        TypeError,
        r"{name} is a structured array; pass one of its fields, {name}\['user'\]",
    ),
    "lazy frame": (
        lambda: pl.LazyFrame({"item": [3]}),
        TypeError,
        r"{name} is a lazy LazyFrame; pass {name}.collect\(\)",
    ),
    "empty list": (list, ValueError, "{name} is empty; give at least one id"),
    "empty array": (lambda: np.array([]), ValueError, "{name} is empty"),
    "empty Series": (lambda: pd.Series(dtype=int), ValueError, "{name} is empty"),
    "empty generator": (lambda: iter(()), ValueError, "{name} is empty"),
    "empty set": (set, ValueError, "{name} is empty"),
    "empty table": (lambda: pd.DataFrame({"user": [], "x": [], "y": []})[["user"]], ValueError, "{name}"),
    "polars lists": (lambda: pl.Series([[3], [5]]), TypeError, "{name} holds something that cannot be an id"),
}
ARGUMENTS = {
    "users": lambda model, values: recommend(model, values),
    "items": lambda model, values: recommend(model, 3, items=values),
    "items of similar_items": lambda model, values: similar_items(model, values),
    "ids": lambda model, values: EmbeddingDisplay.from_estimator(model, ids=values),
}


PAIRS = {("items", "row vector"), ("items", "matrix")}  # of a user and an item


@pytest.mark.parametrize(("argument", "form"), sorted({*itertools.product(ARGUMENTS, REFUSED)} - PAIRS))
def test_what_is_no_collection_of_ids_is_refused_by_name(numbers, argument, form):
    make, error, message = REFUSED[form]
    with pytest.raises(error, match=message.replace("{name}", argument.split()[0])):
        ARGUMENTS[argument](numbers, make())


def test_dask_is_lazy(numbers):
    dask = pytest.importorskip("dask.dataframe")
    users = dask.from_pandas(pd.DataFrame({"user": USERS}), npartitions=1)
    for form in (users, users["user"]):
        with pytest.raises(TypeError, match=r"users is a lazy \w+; pass users.compute\(\)"):
            recommend(numbers, form)
    assert recommend(numbers, users["user"].compute(), 1, exclude_seen=False)["user"].tolist() == USERS


# What is said of each id


@pytest.mark.parametrize("name", ["labels", "color"])
@pytest.mark.parametrize(
    "make",
    [
        lambda ids, values: dict(zip(ids, values, strict=True)),
        lambda ids, values: UserDict(zip(ids, values, strict=True)),
        lambda ids, values: dict(zip(np.array(ids), values, strict=True)),
        lambda ids, values: pd.Series(values[::-1], index=ids[::-1]),
        lambda ids, values: pd.Series(values, index=pd.Index(ids, dtype=float)),
        lambda ids, values: pd.Series(values, index=pd.Index(ids, dtype="Int64")),
        lambda ids, values: pd.DataFrame({"label": values[::-1]}, index=ids[::-1]),
        lambda ids, values: values,
        lambda ids, values: tuple(values),
        lambda ids, values: iter(values),
        lambda ids, values: dict.fromkeys(values, 1),
        lambda ids, values: np.array(values)[:, None],
        lambda ids, values: pd.Index(values),
        lambda ids, values: pd.Categorical(values),
        lambda ids, values: pl.Series(values),
        lambda ids, values: pl.DataFrame({"label": values}),
        lambda ids, values: pa.array(values),
        lambda ids, values: pa.chunked_array([values]),
        lambda ids, values: pa.table({"label": values}),
    ],
)
def test_what_is_said_of_ids_comes_in_any_form(numbers, name, make):
    values = [f"{name} {n}" for n in range(3)]
    argument = make(ITEMS, values)
    if isinstance(argument, dict) and list(argument) == values:
        argument = argument.keys()
    display = EmbeddingDisplay.from_estimator(numbers, ids=ITEMS, **{name: argument})
    assert list(getattr(display, name)) == values
    plt.close("all")


@pytest.mark.parametrize("name", ["labels", "color"])
@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"a", "b", "c"}, TypeError, "must not be a set, which has no order"),
        (b"abc", TypeError, "must be a mapping"),
        (np.array("abc"), TypeError, "must be a mapping"),
        (pd.DataFrame({"a": [1] * 3, "b": [1] * 3}), TypeError, "is a table of 2 columns; pass one of them"),
        (pl.DataFrame({"a": [1] * 3, "b": [1] * 3}), TypeError, "is a table of 2 columns; pass one of them"),
        (np.zeros((3, 3)), ValueError, r"must hold one value for each id; got shape \(3, 3\)"),
        ({}, ValueError, "knows none of the 3 ids"),
        ([], ValueError, "must hold one for each of the 3 ids; got 0"),
        (sparse.csr_matrix([[3]]), TypeError, "must be|is a sparse matrix"),
    ],
)
def test_what_does_not_fit_the_ids_is_refused_by_name(numbers, name, values, error, message):
    with pytest.raises(error, match=f"^{name}.* ?({message})"):
        EmbeddingDisplay.from_estimator(numbers, ids=ITEMS, **{name: values})


def test_a_label_or_a_category_may_hold_what_no_font_has(numbers):
    names = ["caf\udce9", "\ud800", "c"]
    display = EmbeddingDisplay.from_estimator(numbers, ids=ITEMS, labels=names, color=names)
    display.figure_.draw_without_rendering()
    assert {text.get_text() for text in display.texts_} <= {"caf?", "?", "c"}
    assert {text.get_text() for text in display.legend_.get_texts()} == {"caf?", "?", "c"}
    plt.close("all")
