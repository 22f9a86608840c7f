"""IdEncoder learns further ids and moves no code; its copies are encoders of their own."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tables_of_ids import BIG, MIXED, NAN, NUMBERS, TEXTS_OR_NONE, codes_of, ids_of, law, rows

from sklearn_ncf import IdEncoder

# partial_fit


def test_partial_fit_puts_new_ids_behind_the_known_ones():
    encoder = IdEncoder().partial_fit([["m", 5], ["k", 6]])
    encoder.partial_fit([["b", 6], ["m", 1], ["a", 5]])
    assert [ids.tolist() for ids in encoder.categories_] == [["k", "m", "a", "b"], [5, 6, 1]]
    assert encoder.transform([["a", 1], ["k", 6]]).tolist() == [[2, 2], [0, 1]]


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        (np.array([[5.0], [NAN]]), np.array([[7], [1]]), np.float64),
        (np.array([[5], [6]]), np.array([[7.0], [NAN]]), np.int64),
        (np.array([[5], [6]]), np.array([[7.5]]), np.float64),
        (np.array([[2**63]], dtype=np.uint64), np.array([[7]]), np.uint64),
        (np.array([[7]]), np.array([[2**63]], dtype=np.uint64), np.uint64),
        (np.array([[BIG + 1]]), np.array([[0.5]]), object),
        (np.array([[0.5]]), np.array([[BIG + 1]]), object),
        (np.array([[-7]]), np.array([[2**63]], dtype=np.uint64), object),
        (np.array([[5]]), rows(2**70), object),
        (np.array([[5]]), rows(Fraction(1, 3)), object),
        (np.array([[True]]), np.array([[5]]), object),
    ],
)
def test_ids_of_two_numeric_types_join_without_rounding(first, second, dtype):
    encoder = IdEncoder(handle_unknown="error").fit(first).partial_fit(second)
    known = [id_ for id_ in [*first.ravel().tolist(), *sorted(second.ravel().tolist())] if id_ == id_]
    assert ids_of(encoder) == known
    assert encoder.categories_[0].dtype == dtype
    assert codes_of(encoder, rows(*known)) == list(range(len(known)))


@law
@given(
    st.sampled_from([NUMBERS, TEXTS_OR_NONE, MIXED]).flatmap(lambda column: st.lists(column.filter(len), min_size=2)),
    st.sampled_from([None, 2, 3, 0.2]),
)
def test_partial_fit_never_moves_a_code(batches, min_frequency):
    encoder = IdEncoder(min_frequency=min_frequency)
    known = []
    for batch in batches:
        encoder.partial_fit(rows(*batch))
        assert ids_of(encoder)[: len(known)] == known
        known = ids_of(encoder)
        assert not known or codes_of(encoder, rows(*known)) == list(range(len(known)))


@law
@given(
    st.sampled_from([NUMBERS, TEXTS_OR_NONE, MIXED]).flatmap(lambda column: st.lists(column.filter(len), min_size=1)),
    st.sampled_from([1, 2, 3]),
)
def test_batches_teach_the_same_ids_as_one_fit(batches, min_frequency):
    encoder = IdEncoder(min_frequency=min_frequency)
    for batch in batches:
        encoder.partial_fit(rows(*batch))
    together = IdEncoder(min_frequency=min_frequency).fit(rows(*(id_ for batch in batches for id_ in batch)))
    assert set(ids_of(encoder)) == set(ids_of(together))


def test_a_failed_partial_fit_leaves_the_encoder_as_it_was():
    X = pd.DataFrame({"user": ["a", "b"], "item": [1, 2]})
    encoder = IdEncoder(dtype=np.int8, min_frequency=1).fit(X)
    before = pickle.dumps(encoder)
    for bad in (
        pd.DataFrame({"user": ["c", "d"], "item": ["1", "2"]}),
        pd.DataFrame({"user": ["c", "d"], "item": [[1], [2]]}),
        pd.DataFrame({"user": map(str, range(200)), "item": range(200)}),
        pd.DataFrame({"user": ["c"]}),
        pd.DataFrame({"item": [1], "user": ["c"]}),
        X[:0],
        X["user"],
    ):
        with pytest.raises((ValueError, TypeError)):
            encoder.partial_fit(bad)
        assert pickle.dumps(encoder) == before


def test_a_failed_fit_leaves_the_encoder_as_it_was():
    encoder = IdEncoder(dtype=np.int8)
    with pytest.raises(TypeError):
        encoder.fit([[1, []]])
    with pytest.raises(NotFittedError):
        encoder.transform([[1, 2]])
    before = pickle.dumps(encoder.fit(pd.DataFrame({"user": ["a"]})))
    for bad in (pd.DataFrame({"a": range(200), "b": range(200)}), pd.DataFrame([[1, 2]], columns=["a", 0]), [[1, {}]]):
        with pytest.raises((ValueError, TypeError)):
            encoder.fit(bad)
        assert pickle.dumps(encoder) == before


def test_fit_forgets_what_was_known():
    encoder = IdEncoder(min_frequency=2).fit(pd.DataFrame({"a": ["x", "x"], "b": ["y", "z"]}))
    encoder.fit([[3], [3], [4]])
    assert encoder.n_features_in_ == 1
    assert not hasattr(encoder, "feature_names_in_")
    assert ids_of(encoder) == [3]
    assert ids_of(encoder.partial_fit([[4]])) == [3, 4]


def test_a_shallow_copy_learns_on_its_own():
    encoder = IdEncoder().fit([["a"]])
    copy.copy(encoder).partial_fit([["b"]])
    assert ids_of(encoder) == ["a"]
    assert codes_of(encoder, [["b"], ["a"]]) == [-1, 0]


# Copies


def test_pickled_and_copied_encoders_go_on_as_the_original():
    X = pd.DataFrame({"user": ["b", "a", "b", None], "item": [5, 6, 5, 7]})
    encoder = IdEncoder(min_frequency=2, handle_unknown="error").fit(X)
    for again in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder), copy.copy(encoder)):
        assert again.transform(X).tolist() == encoder.transform(X).tolist() == [[0, 0], [-1, -1], [0, 0], [-1, -1]]
        again.partial_fit(X[1:2])
        assert [ids.tolist() for ids in again.categories_] == [["b", "a"], [5, 6]]
    assert [ids.tolist() for ids in encoder.categories_] == [["b"], [5]]


def test_a_clone_has_the_parameters_and_nothing_learnt():
    encoder = IdEncoder(min_frequency=3, handle_unknown="error", dtype=np.int16)
    again = clone(encoder.fit([[1]]))
    assert again.get_params() == encoder.get_params()
    assert not hasattr(again, "categories_")


def test_a_pickle_holds_each_id_once():
    encoder = IdEncoder().fit(np.arange(0, 10**6, 10)[:, None])
    size = len(pickle.dumps(encoder))
    assert size < 8 * 10**5 + 5000
    encoder.transform([[10]])
    assert len(pickle.dumps(encoder)) == size
    assert b"pandas" not in pickle.dumps(encoder)  # which another version might not read


def test_two_fits_are_equal_and_the_data_are_left_alone():
    X = pd.DataFrame({"user": ["b", "a", None], "item": [5, 7, 5]})
    before = X.copy()
    first, second = IdEncoder().fit(X), IdEncoder()
    codes = second.fit_transform(X)
    assert pickle.dumps(first) == pickle.dumps(second) == pickle.dumps(second.fit(X))
    assert np.array_equal(first.transform(X), codes)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("ids", [np.arange(4), np.arange(4) * 10**9, np.arange(4) / 2, np.array(list("abcd"))])
def test_read_only_data_are_read(ids):
    X = np.column_stack([ids, ids])
    X.setflags(write=False)
    assert IdEncoder().fit(X).transform(X).tolist() == [[j, j] for j in range(4)]
    assert IdEncoder().fit_transform(np.asfortranarray(X)[::-1]).tolist() == [[j, j] for j in range(4)][::-1]
