"""LeaveLastOut holds out each user's last rows."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_score, cross_validate
from sklearn.utils import _safe_indexing

from sklearn_ncf.model_selection import LeaveLastOut

USERS = ["a", "b", None, "a", "b", None]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_the_split_is_the_definition(users, n_last, min_history, as_groups):
    X = pd.DataFrame({"user": users, "item": range(len(users))})
    expected = [
        row
        for row, user in enumerate(users)
        if users.count(user) >= n_last + min_history and users[row + 1 :].count(user) < n_last
    ]
    splitter = LeaveLastOut(n_last, min_history)
    arguments = (X[["item"]], None, users) if as_groups else (X,)
    if not expected:
        with pytest.raises(ValueError, match="No user has n_last"):
            next(splitter.split(*arguments))
        return
    [(train, test)] = splitter.split(*arguments)
    assert test.tolist() == expected
    assert sorted([*train, *test]) == list(range(len(users)))


@pytest.mark.parametrize("make", [lambda X: X, pl.from_pandas, lambda X: X.to_numpy(), lambda X: X.to_numpy().tolist()])
def test_any_table_will_do(make):
    X = pd.DataFrame({"user": ["a", "b", None, "a", "b", None], "item": ["x"] * 6})
    [(train, test)] = LeaveLastOut().split(make(X))
    assert test.tolist() == [3, 4]  # missing users are nobody
    assert train.tolist() == [0, 1, 2, 5]


@pytest.mark.parametrize(("params", "name"), [({"n_last": 0}, "n_last"), ({"min_history": 1.5}, "min_history")])
def test_parameters_are_checked(params, name):
    with pytest.raises(ValueError, match=f"{name}=.* must be an integer"):
        next(LeaveLastOut(**params).split([[1, 1], [1, 2]]))


def test_scikit_learns_tools_take_it(quick, ratings):
    X, y = ratings
    scores = cross_val_score(quick(), X, y, cv=LeaveLastOut(3))
    assert scores.shape == (1,)
    assert LeaveLastOut().get_n_splits() == 1
    assert repr(LeaveLastOut(n_last=2)) == "LeaveLastOut(min_history=1, n_last=2)"


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        lambda users: np.array(users, dtype=object),
        lambda users: np.array(users, dtype=object).reshape(-1, 1),
        lambda users: np.ma.array([user or "" for user in users], mask=[user is None for user in users]),
        pd.Series,
        pd.Index,
        pd.Categorical,
        lambda users: pd.Series(users, dtype="string", index=range(10, 16)),
        lambda users: pd.DataFrame({"user": users}),
        pl.Series,
        lambda users: pl.DataFrame({"user": users}),
        pa.array,
        lambda users: pa.chunked_array([users[:2], users[2:]]),
        lambda users: pa.table({"user": users}),
    ],
)
def test_groups_come_in_any_column(make):
    table = pd.DataFrame({"timestamp": range(6)})
    [(train, test)] = LeaveLastOut().split(table, groups=make(USERS))
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 5], [3, 4])


@pytest.mark.parametrize("groups", [USERS[:5], [*USERS, "a"], [], np.array(USERS[:3])])
def test_groups_of_another_length_are_refused(groups):
    with pytest.raises(
        ValueError, match=rf"groups must hold a user for each of the 6 rows of X; it holds {len(groups)}"
    ):
        next(LeaveLastOut().split(pd.DataFrame({"item": range(6)}), groups=groups))


def test_a_table_is_no_column_of_users():
    X = pd.DataFrame({"item": range(6), "user": USERS})
    for groups in (X, X.to_numpy(dtype=object), pl.from_pandas(X)):
        with pytest.raises(ValueError, match=r"groups must be one column of users; got shape \(6, 2\)"):
            next(LeaveLastOut().split(X, groups=groups))


@pytest.mark.parametrize("make", [lambda X: X, pl.from_pandas, pa.Table.from_pandas])
def test_an_error_says_where_users_were_read_from(make):
    X = pd.DataFrame({"when": range(6), "user": USERS, "item": 1})
    words = r"Users were read from column 'when', which has 6 distinct ids in 6 rows; .* pass them as groups="
    with pytest.raises(ValueError, match=words):
        next(LeaveLastOut().split(make(X)))
    with pytest.raises(ValueError, match="from column 0, which has 6 distinct ids"):
        next(LeaveLastOut().split(X.to_numpy(dtype=object)))
    with pytest.raises(ValueError, match=r"from groups, which has 2 distinct ids in 6 rows\.$"):
        next(LeaveLastOut(3).split(X, groups=USERS))


@pytest.mark.parametrize("make", [lambda X: X, pl.from_pandas, lambda X: X.to_numpy(dtype=object)])
def test_times_are_no_users(make):
    X = pd.DataFrame({"when": pd.to_datetime(["2020-01-01"] * 6), "user": USERS})
    with pytest.raises(
        ValueError, match=r"column .*, the first of X, holds times, not users; pass the users as groups="
    ):
        next(LeaveLastOut().split(make(X)))


def test_groups_are_routed_as_those_of_scikit_learns_splitters(quick, ratings):
    X, y = ratings
    X, users = X[["item", "user"]], X["user"]
    [expected] = LeaveLastOut().split(X, groups=users)
    without = cross_validate(quick(), X, y, cv=LeaveLastOut(), groups=users, return_indices=True)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_validate(quick(), X, y, cv=LeaveLastOut(), params={"groups": users}, return_indices=True)
        search = GridSearchCV(quick(), {"embedding_dim": [2, 3]}, cv=LeaveLastOut()).fit(X, y, groups=users)
        refused = LeaveLastOut().set_split_request(groups=False)
        with pytest.raises(TypeError, match="groups"):
            cross_validate(quick(), X, y, cv=refused, params={"groups": users})
    for indices in (without["indices"], routed["indices"]):
        np.testing.assert_array_equal(indices["train"][0], expected[0])
        np.testing.assert_array_equal(indices["test"][0], expected[1])
    assert search.n_splits_ == 1


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=2, max_size=20))
def test_a_split_is_that_of_a_splitter_of_scikit_learn(users):
    X = pd.DataFrame({"user": users, "item": 1})
    splitter = check_cv(LeaveLastOut())
    try:
        [(train, test)] = splitter.split(X)
    except ValueError:
        return
    assert train.dtype.kind == test.dtype.kind == "i"
    assert not set(train) & set(test)
    np.testing.assert_array_equal(np.sort(np.append(train, test)), np.arange(len(users)))
    for again in (splitter.split(X), splitter.split(X.to_numpy(dtype=object)), splitter.split(pl.from_pandas(X))):
        np.testing.assert_array_equal(next(again)[1], test)
    assert len(_safe_indexing(pl.from_pandas(X), test)) == len(test)


@pytest.mark.parametrize("table", [[1, 2, 3], "users", 3, None, pd.Series(USERS)])
def test_what_is_no_table_is_refused(table):
    with pytest.raises((ValueError, TypeError), match=r"X must be a data frame|Expected 2D|2-dimensional"):
        next(LeaveLastOut().split(table))
