"""LeaveLastOut holds out each user's last rows."""

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import cross_val_score

from sklearn_ncf.model_selection import LeaveLastOut


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
