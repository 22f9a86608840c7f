"""IdEncoder: raw ids of users, items and contexts to contiguous integer codes, and back."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._fitted import publish, snapshot
from sklearn_ncf._sklearn_compat import Interval, RealNotInt, StrOptions, fit_context
from sklearn_ncf._stamp import add_version, check_version
from sklearn_ncf.encoding import (
    Vocabulary,
    as_local,
    as_numbers,
    as_series,
    as_table_name,
    check_dtype_of_codes,
    chunks_of,
    columns_without,
    decode_column,
    encode_column,
    join_columns,
    least_count,
    read_table,
    take_columns,
    with_columns,
)
from sklearn_ncf.storage import storage_of


class IdEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Encode raw ids as contiguous integer codes, one column at a time.

    Every column gets codes of its own, ``0 .. n_ids - 1`` in the order of ``categories_``. Ids that were not seen in
    `fit`, missing ids (``None``, ``NaN``, ``pd.NA``) and infrequent ids become ``-1``.

    Ids may be integers, strings, or a mixture; the columns may come as a pandas, polars or pyarrow table (nullable,
    string, categorical and Arrow dtypes included), as a numpy array or as a list of rows.

    Parameters
    ----------
    min_frequency : int or float, default=None
        Ids that occur in fewer rows than this get the code ``-1`` too, so that a model learns one vector for all of
        them. An int counts rows; a float is a share of the rows seen. ``None`` keeps every id.

    handle_unknown : {"encode", "error"}, default="encode"
        What `transform` does with an id that was never seen: give it the code ``-1``, or raise a ``ValueError``.
        Missing and infrequent ids are no errors.

    dtype : numpy dtype, default=np.int64
        Type of the codes: a signed integer or a float.

    passthrough : str, int or list of str and int, default=None
        Names or indices of columns of `X` that hold no ids, such as features of the items. `transform` returns them as
        they came, in a pandas DataFrame of all columns in their order. Their cells may be anything, lists included.
        ``None`` or an empty list encodes every column.

    Attributes
    ----------
    categories_ : list of ndarray
        The ids of each encoded column in the order of their codes: sorted, or in order of appearance where they cannot
        be compared with one another; ids met in `partial_fit` stand behind those known before.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, where they are all strings.

    See Also
    --------
    sklearn_ncf.NCFRegressor : Predicts ratings from such codes, or from raw ids.
    sklearn.preprocessing.OrdinalEncoder : scikit-learn's encoder of categories.

    Notes
    -----
    Numbers are the same id when they are equal, whatever their type: ``3``, ``3.0`` and ``np.int8(3)``. A number and
    a text never are, and `transform` refuses a column that holds texts where it was fitted on numbers, or the other
    way round: without that, every id would silently be an unknown one.

    The integer ``-1`` stands for "unknown" by convention. Unless `fit` has seen it as an id, `transform` reads it as
    a missing id.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import IdEncoder
    >>> X = pd.DataFrame({"user": ["ann", "bob", "ann"], "item": [10, 30, 20]})
    >>> encoder = IdEncoder().fit(X)
    >>> encoder.transform(X)
    array([[0, 0],
           [1, 2],
           [0, 1]])
    >>> encoder.transform(pd.DataFrame({"user": ["ann", "eve"], "item": [30, 20]}))
    array([[ 0,  2],
           [-1,  1]])
    >>> encoder.inverse_transform([[1, 0], [-1, 2]])
    array([['bob', 10],
           [None, 30]], dtype=object)

    Columns that are no ids pass through:

    >>> X["tags"] = [["funny"], [], ["funny", "short"]]
    >>> IdEncoder(passthrough="tags").fit_transform(X)
       user  item            tags
    0     0     0         [funny]
    1     1     2              []
    2     0     1  [funny, short]
    """

    _parameter_constraints = {
        "min_frequency": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "handle_unknown": [StrOptions({"encode", "error"})],
        "dtype": "no_validation",  # validated with its capacity, once the number of ids is known
        "passthrough": [None, str, Integral, "array-like"],
    }

    def __init__(self, *, min_frequency=None, handle_unknown="encode", dtype=np.int64, passthrough=None):
        self.min_frequency = min_frequency
        self.handle_unknown = handle_unknown
        self.dtype = dtype
        self.passthrough = passthrough

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the ids of each column.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            One id a row and column.
        y : None
            Ignored.

        Returns
        -------
        self : IdEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If `X` is not two-dimensional, has no rows, no columns or two columns of the same name, if `passthrough`
            names a column twice, one that `X` does not have, or all of them, or if `dtype` cannot hold the codes.
        TypeError
            If an id cannot be hashed (a list, a dictionary).
        """
        self._learn(X, reset=True)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Learn the ids of each column and return their codes, hashing each column once.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            One id a row and column.
        y : None
            Ignored.

        Returns
        -------
        codes : ndarray or DataFrame of shape (n_samples, n_features)
            Codes of type `dtype`; with `passthrough` a DataFrame, as `transform` returns it.
        """
        X = as_local(X, "X")
        columns = self._learn(X, reset=True)
        return snapshot(self)._encode(X, columns)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Learn further ids: a code, once given, never changes.

        With `min_frequency`, rows are counted over all calls, and an infrequent id that has become frequent gets the
        next free code; a share is one of all rows seen so far.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            One id a row and column. The first call fits.
        y : None
            Ignored.

        Returns
        -------
        self : IdEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If the columns differ from those of `fit`, or hold ids of another type.
        """
        self._learn(X, reset=not hasattr(self, "categories_"))
        return self

    def transform(self, X):
        """Return the codes of the ids in `X`.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            One id a row and column.

        Returns
        -------
        codes : ndarray or DataFrame of shape (n_samples, n_features)
            Codes of type `dtype`, ``-1`` for unknown, missing and infrequent ids. With `passthrough` a DataFrame in
            which the other columns are as they came; it has the names of the columns of `X`, if they are strings, and
            the index of `X`, if it is a pandas DataFrame.

        Raises
        ------
        ValueError
            If a column holds ids of another type than in `fit`, if an id is unknown and ``handle_unknown="error"``,
            or if the columns are not those of `fit`.

        Warns
        -----
        UserWarning
            If more than half of the rows of a column hold unknown ids.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        X = as_local(X, "X")
        header, columns = read_table(X, estimator=fitted, only=fitted._encoded_columns)
        validate_data(fitted, header, reset=False, skip_check_array=True)
        return fitted._encode(X, columns)

    def inverse_transform(self, X):
        """Return the ids that stand behind codes.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features) or (n_samples, n_encoded)
            What `transform` returns; with `passthrough`, the codes of the encoded columns alone are enough.

        Returns
        -------
        ids : ndarray or DataFrame of the shape of `X`
            The ids, ``None`` for ``-1``. An array of objects, unless all columns hold ids of one numeric type and
            no code is ``-1``. With `passthrough` and all columns, a DataFrame in which the others are as they came.

        Raises
        ------
        ValueError
            If `X` has another number of columns, or holds something that is no code.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        X = as_local(X, "X")
        shape = getattr(X, "shape", None) or np.asarray(X, dtype=object).shape
        if fitted._passes_columns() and shape[1:] == (fitted.n_features_in_,):
            ids = fitted._decode(take_columns(X, fitted._encoded_columns))
            return with_columns(X, fitted._encoded_columns, map(as_series, ids))
        return join_columns(fitted._decode(X))

    def _learn(self, X, *, reset):
        """Learn the ids of `X`, from scratch or in addition, and return the columns read; all or nothing."""
        X = as_local(X, "X")
        header, _ = read_table(X, estimator=self)
        fitted = snapshot(self)
        if reset:
            encoded = columns_without(self.passthrough, header, "passthrough")
        else:
            validate_data(fitted, header, reset=False, skip_check_array=True)
            encoded = fitted._encoded_columns
        columns = list(read_table(X, estimator=self, only=encoded)[1])
        n_rows = len(columns[0].positions)
        if reset:
            known = [Vocabulary() for _ in columns]
        else:
            known = fitted._vocabularies
            n_rows += fitted._n_rows_seen
            for k, column in enumerate(columns):
                encode_column(column, known[k])[1].check_kinds(fitted._name(k), known[k])

        n_least = least_count(self.min_frequency, n_rows)
        vocabularies = [ids.extended(column, n_least) for ids, column in zip(known, columns, strict=True)]
        self._set_vocabularies(vocabularies, n_rows, header, encoded, reset=reset)
        return columns

    def _set_vocabularies(self, vocabularies, n_rows, header, encoded, *, reset):
        """Take over what was learned of all rows so far, in one step."""
        check_dtype_of_codes(self.dtype, max(len(vocabulary.ids) for vocabulary in vocabularies))
        learned = snapshot(self)
        if reset:
            validate_data(learned, header, reset=True, skip_check_array=True)
        learned._vocabularies = vocabularies
        learned._encoded_columns = encoded
        learned._n_rows_seen = n_rows
        learned.categories_ = [vocabulary.ids for vocabulary in vocabularies]
        publish(self, learned)

    def _passes_columns(self):
        return len(self._encoded_columns) < self.n_features_in_

    def _encode(self, X, columns):
        """Codes of the columns read of `X`, as the public methods return them."""
        codes, unknown = encode_columns(self, columns)
        check_unknown(self, unknown)
        return with_columns(X, self._encoded_columns, codes.T) if self._passes_columns() else codes

    def _decode(self, X):
        """The ids of each encoded column, from a table of their codes alone."""
        codes = check_array(
            as_numbers(X, "X"), ensure_min_samples=0, ensure_min_features=0, estimator=self, input_name="X"
        )
        n_columns = len(self._encoded_columns)
        if codes.shape[1] != n_columns:
            whole = f", or all {self.n_features_in_} columns" if self._passes_columns() else ""
            raise ValueError(f"X must hold codes in shape (n_samples, {n_columns}){whole}; got shape {codes.shape}.")
        return [decode_column(codes[:, k], ids, self._name(k)) for k, ids in enumerate(self.categories_)]

    def _name(self, k):
        """How a message names the encoded column `k`."""
        return as_table_name(getattr(self, "feature_names_in_", None), self._encoded_columns[k])

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_vocabularies" in state:
            del state["categories_"]  # the vocabularies' ids
            state["_vocabularies"] = [vocabulary.state() for vocabulary in state["_vocabularies"]]
        return add_version(state)

    def __setstate__(self, state):
        state = {"passthrough": None} | check_version(state, self)
        if "_vocabularies" in state:
            state.setdefault("_encoded_columns", list(range(state["n_features_in_"])))
            state["_vocabularies"] = [Vocabulary.from_state(of_column) for of_column in state["_vocabularies"]]
            state["categories_"] = [vocabulary.ids for vocabulary in state["_vocabularies"]]
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


# The rest of the library asks an encoder by these functions: its class shows what users need.


def vocabularies_of(encoder):
    """What a fitted encoder knows of each column's ids."""
    return encoder._vocabularies


def encoded_columns_of(encoder):
    """Indices, among all columns of `X`, of those that a fitted encoder encodes; the others pass through."""
    return encoder._encoded_columns


def n_rows_seen(encoder):
    """How many rows an encoder has learned from, in all calls."""
    return encoder._n_rows_seen


def learn_ids(encoder, X, *, reset):
    """Learn the ids of a table, from scratch or in addition, and return the columns read; all or nothing."""
    return encoder._learn(X, reset=reset)


def learn_ids_in_parts(encoder, X):
    """Learn all ids of `X` from scratch, as `learn_ids` does, without a position for each row."""
    header, _ = read_table(X, estimator=encoder)
    encoded = columns_without(encoder.passthrough, header, "passthrough")
    vocabularies, n_rows, storage = [Vocabulary()] * len(encoded), 0, storage_of(X)
    for part in chunks_of(X):
        columns = list(read_table(part, estimator=encoder, only=encoded)[1])
        vocabularies = [ids.joined(column) for ids, column in zip(vocabularies, columns, strict=True)]
        n_rows += len(columns[0].positions)
        storage.release_pages(X)
    encoder._set_vocabularies([ids.in_order() for ids in vocabularies], n_rows, header, encoded, reset=True)


def encode_columns(encoder, columns):
    """Codes of columns, those that the encoder encodes, and an `UnknownIds` for each."""
    encoded = [encode_column(column, ids) for column, ids in zip(columns, encoder._vocabularies, strict=True)]
    return join_columns([codes for codes, _ in encoded], encoder.dtype), [unknown for _, unknown in encoded]


def check_unknown(encoder, unknown, *, warns=True, each=False, described=()):
    """Refuse columns of another type than in `fit`, and unknown ids where errors; warn of most not `described`."""
    for k, of_column in enumerate(unknown):
        of_column.check_kinds(encoder._name(k), encoder._vocabularies[k], each=each)
        if encoder.handle_unknown == "error":
            of_column.check_none(encoder._name(k))
        if warns and k not in described:
            of_column.warn(encoder._name(k))
