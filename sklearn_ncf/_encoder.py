"""IdEncoder: raw ids of users, items and contexts to contiguous integer codes, and back."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._fitted import publish, snapshot
from sklearn_ncf._sklearn_compat import Interval, InvalidParameterError, RealNotInt, StrOptions, fit_context
from sklearn_ncf._stamp import add_version, check_version
from sklearn_ncf.encoding import MISSING, UnknownIds, Vocabulary, as_numbers, as_table_name, chunks_of, read_table
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

    Attributes
    ----------
    categories_ : list of ndarray
        The ids of each column in the order of their codes: sorted, or in order of appearance where they cannot be
        compared with one another; ids met in `partial_fit` stand behind those known before.

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
    """

    _parameter_constraints = {
        "min_frequency": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "handle_unknown": [StrOptions({"encode", "error"})],
        "dtype": "no_validation",  # validated with its capacity, once the number of ids is known
    }

    def __init__(self, *, min_frequency=None, handle_unknown="encode", dtype=np.int64):
        self.min_frequency = min_frequency
        self.handle_unknown = handle_unknown
        self.dtype = dtype

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
            If `X` is not two-dimensional, has no rows, no columns or two columns of the same name, or if `dtype` cannot
            hold the codes.
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
        codes : ndarray of shape (n_samples, n_features)
            Codes of type `dtype`.
        """
        columns = self._learn(X, reset=True)
        return snapshot(self)._encode(columns)

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
        codes : ndarray of shape (n_samples, n_features)
            Codes of type `dtype`, ``-1`` for unknown, missing and infrequent ids.

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
        header, columns = read_table(X, estimator=fitted)
        validate_data(fitted, header, reset=False, skip_check_array=True)
        return fitted._encode(columns)

    def inverse_transform(self, X):
        """Return the ids that stand behind codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Codes as `transform` gives them.

        Returns
        -------
        ids : ndarray of shape (n_samples, n_features)
            The ids, ``None`` for ``-1``. An array of objects, unless all columns hold ids of one numeric type and
            no code is ``-1``.

        Raises
        ------
        ValueError
            If `X` has another number of columns, or holds something that is no code.
        """
        check_is_fitted(self)
        fitted = snapshot(self)
        n_columns = fitted.n_features_in_
        codes = check_array(
            as_numbers(X, "X"), ensure_min_samples=0, ensure_min_features=0, estimator=self, input_name="X"
        )
        if codes.shape[1] != n_columns:
            raise ValueError(f"X must hold codes in shape (n_samples, {n_columns}); got shape {codes.shape}.")
        columns = [fitted._decoded(j, codes[:, j]) for j in range(n_columns)]
        dtypes = {column.dtype for column in columns}
        ids = np.empty(codes.shape, dtype=dtypes.pop() if len(dtypes) == 1 else object)
        for j, column in enumerate(columns):
            ids[:, j] = column
        return ids

    def _learn(self, X, *, reset):
        """Learn the ids of `X`, anew or behind those known, and return the columns read; all or nothing."""
        header, columns = read_table(X, estimator=self)
        fitted = snapshot(self)
        if not reset:
            validate_data(fitted, header, reset=False, skip_check_array=True)
        columns = list(columns)
        n_rows = len(columns[0].positions)
        if reset:
            known = [Vocabulary() for _ in columns]
        else:
            known = fitted._vocabularies
            n_rows += fitted._n_rows_seen
            for j, column in enumerate(columns):
                fitted._encode_column(j, column)[1].check_kinds(self._name(j), known[j])

        min_count = self._min_count(n_rows)
        vocabularies = [ids.extended(column, min_count) for ids, column in zip(known, columns, strict=True)]
        self._set_vocabularies(vocabularies, n_rows, header, reset=reset)
        return columns

    def _set_vocabularies(self, vocabularies, n_rows, header, *, reset):
        """Take over what was learned of all rows so far, in one step."""
        _check_dtype(self.dtype, max(len(vocabulary.ids) for vocabulary in vocabularies))
        learned = snapshot(self)
        if reset:
            validate_data(learned, header, reset=True, skip_check_array=True)
        learned._vocabularies = vocabularies
        learned._n_rows_seen = n_rows
        learned.categories_ = [vocabulary.ids for vocabulary in vocabularies]
        publish(self, learned)

    def _min_count(self, n_rows):
        if self.min_frequency is None:
            return 1
        if isinstance(self.min_frequency, Integral):
            return int(self.min_frequency)
        share = float(self.min_frequency)
        count = int(share * n_rows)
        return count if count / n_rows >= share else count + 1  # 0.07 * 100 is more than 7

    def _encode(self, columns):
        """Codes of columns, as the public methods give them."""
        codes, unknown = encode_columns(self, columns)
        check_unknown(self, unknown)
        return codes

    def _encode_column(self, j, column):
        """Codes of a column, and what is unknown in it."""
        vocabulary = self._vocabularies[j]
        codes = vocabulary.codes(column.ids)
        unknown = codes == MISSING
        if unknown.any():
            unknown[unknown] = ~vocabulary.accounts_for(column.ids[unknown])
        found = UnknownIds.in_column(column, np.flatnonzero(unknown))
        return np.append(codes, MISSING)[column.positions], found  # a missing id, at position -1, takes the last

    def _decoded(self, j, codes):
        """The ids of one column of codes: objects, where one is missing."""
        ids = self.categories_[j]
        if np.any((codes < MISSING) | (codes >= len(ids)) | (codes != np.floor(codes))):
            last = len(ids) - 1
            raise ValueError(f"{self._name(j)} holds numbers that are no codes: expected integers from -1 to {last}.")
        codes = codes.astype(np.intp)
        known = codes != MISSING
        if known.all():
            return ids[codes]
        decoded = np.full(len(codes), None, dtype=object)
        decoded[known] = ids[codes[known]]
        return decoded

    def _name(self, j):
        return as_table_name(getattr(self, "feature_names_in_", None), j)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_vocabularies" in state:
            del state["categories_"]  # the vocabularies' ids
            state["_vocabularies"] = [vocabulary.state() for vocabulary in state["_vocabularies"]]
        return add_version(state)

    def __setstate__(self, state):
        state = check_version(state, self)
        if "_vocabularies" in state:
            state["_vocabularies"] = [Vocabulary.from_state(of_column) for of_column in state["_vocabularies"]]
            state["categories_"] = [vocabulary.ids for vocabulary in state["_vocabularies"]]
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_dtype(dtype, n_ids):
    try:
        type_ = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        type_ = None
    if type_ is None or type_.kind not in "if":
        raise InvalidParameterError(
            f"The 'dtype' parameter of IdEncoder must be a signed integer or float type, which holds -1. Got {dtype!r}."
        )
    largest = np.iinfo(type_).max if type_.kind == "i" else 2 ** (np.finfo(type_).nmant + 1)
    if n_ids - 1 > largest:
        raise ValueError(f"dtype={type_} cannot hold the codes of {n_ids} ids; use a larger one, such as np.int64.")


# The rest of the library asks an encoder by these functions: its class shows what users need.


def vocabularies_of(encoder):
    """What a fitted encoder knows of each column's ids."""
    return encoder._vocabularies


def n_rows_seen(encoder):
    """How many rows an encoder has learned from, in all calls."""
    return encoder._n_rows_seen


def learn_ids(encoder, X, *, reset):
    """Learn the ids of a table, from scratch or in addition, and return the columns read; all or nothing."""
    return encoder._learn(X, reset=reset)


def learn_ids_in_parts(encoder, X):
    """Learn all ids of `X` from scratch, as `learn_ids` does, without a position for each row."""
    header, _ = read_table(X, estimator=encoder)
    vocabularies, n_rows, storage = [Vocabulary()] * header.shape[1], 0, storage_of(X)
    for part in chunks_of(X):
        columns = list(read_table(part, estimator=encoder)[1])
        vocabularies = [ids.joined(column) for ids, column in zip(vocabularies, columns, strict=True)]
        n_rows += len(columns[0].positions)
        storage.release_pages(X)
    encoder._set_vocabularies([ids.in_order() for ids in vocabularies], n_rows, header, reset=True)


def encode_columns(encoder, columns):
    """Codes of columns, and an `UnknownIds` for each."""
    encoded = [encoder._encode_column(j, column) for j, column in enumerate(columns)]
    codes = np.empty((len(encoded[0][0]), len(encoded)), dtype=encoder.dtype)
    for j, (column, _) in enumerate(encoded):
        codes[:, j] = column
    return codes, [unknown for _, unknown in encoded]


def check_unknown(encoder, unknown, *, warns=True, each=False):
    """Refuse columns of another type than in `fit`, and unknown ids where they are errors; warn where most are."""
    for j, of_column in enumerate(unknown):
        of_column.check_kinds(encoder._name(j), encoder._vocabularies[j], each=each)
        if encoder.handle_unknown == "error":
            of_column.check_none(encoder._name(j))
        if warns:
            of_column.warn(encoder._name(j))
