"""RawIds: from raw ids to the codes of a fitted model and back, through the steps of a Pipeline."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_ncf._base import BaseNCF
from sklearn_ncf._columns import MISSING, as_objects
from sklearn_ncf._encoder import IdEncoder
from sklearn_ncf._fitted import snapshot
from sklearn_ncf.nn import ITEM, USER


class RawIds:
    """The raw ids of a fitted model, and their codes in the estimator at its end."""

    def __init__(self, model):
        model = getattr(model, "best_estimator_", model)
        steps = model.steps if isinstance(model, Pipeline) else [("", model)]
        self.estimator = steps[-1][1]
        if not isinstance(self.estimator, BaseNCF):
            raise TypeError(
                "The model must be a fitted estimator of sklearn_ncf, a Pipeline that ends in one, or a fitted search "
                f"over one of these; got {type(self.estimator).__name__}."
            )
        self.steps = [step for _, step in steps[:-1] if step not in (None, "passthrough")]
        for name, step in steps[:-1]:
            if step in self.steps and not hasattr(step, "inverse_transform"):
                raise TypeError(
                    f"Step {name!r} of the Pipeline, {type(step).__name__}, has no inverse_transform, so that items "
                    "cannot be named. Use IdEncoder, or leave the step out: the estimator takes raw ids."
                )
        check_is_fitted(model)
        # First the estimator, then the steps: these may learn further ids meanwhile, but must know all of its ids.
        self.estimator = snapshot(self.estimator)
        self.steps = [snapshot(step) if isinstance(step, IdEncoder) else step for step in self.steps]
        self.n_columns = self.estimator.n_features_in_
        first = (self.steps or [self.estimator])[0]
        if first.n_features_in_ != self.n_columns:
            raise ValueError(
                f"The steps before the estimator turn {first.n_features_in_} columns into {self.n_columns}, so that "
                "ids cannot be told apart. Use IdEncoder, or leave the steps out: the estimator takes raw ids."
            )
        self.fit_names = getattr(first, "feature_names_in_", None)
        contexts = [f"context_{number}" for number in range(1, self.n_columns - 1)]
        self.names = ["user", "item", *contexts] if self.fit_names is None else list(self.fit_names)

    def raw(self, column, codes):
        """Raw ids of known codes of a column, missing where a step before the estimator has pooled ids."""
        if not self.steps:
            return pd.Series(self.estimator.encoder_.categories_[column][codes])
        table = np.zeros((len(codes), self.n_columns), dtype=np.int64)
        table[:, column] = codes
        table = self.estimator.encoder_.inverse_transform(table)
        for step in reversed(self.steps):
            table = step.inverse_transform(np.where(pd.isna(table), MISSING, table))
        return pd.Series(np.asarray(table)[:, column]).infer_objects()

    def codes(self, columns, *, warns=True):
        """Codes, in all columns, of a table that has raw ids in some columns and any known id in the others."""
        n_rows = len(next(iter(columns.values())))
        frame = pd.DataFrame(
            {
                name: columns[j].array if j in columns else self._any_id(j).repeat(n_rows).array
                for j, name in enumerate(self.names)
            }
        )
        table = frame.to_numpy(dtype=object) if self.fit_names is None else frame
        codes, n_unknown = self.encoded(table)
        if warns:
            self.estimator.encoder_._warn_of_unknown(n_unknown, n_rows, stacklevel=5)
        return codes

    def _any_id(self, column):
        """A raw id of a column, missing where there is none."""
        known = len(self.estimator.encoder_.categories_[column])
        return self.raw(column, np.zeros(1, dtype=np.intp)) if known else pd.Series([None])

    def all_named(self, column):
        """Raw ids and codes of all that `fit` has seen in a column, but for those that a step has pooled."""
        codes = np.arange(len(self.estimator.encoder_.categories_[column]))
        raw = self.raw(column, codes)
        named = raw.notna().to_numpy()
        return raw[named], codes[named]

    def seen(self, column, ids, name, so_that):
        """Distinct raw ids and their codes; `ValueError` where one was not seen in `fit`, and what that means."""
        ids = as_series(ids, name).drop_duplicates()
        codes = self.codes({column: ids}, warns=False)[:, column]
        if (codes < 0).any():
            unknown = ids[codes < 0]
            shown = ", ".join(map(repr, unknown[:5].tolist())) + (", ..." if len(unknown) > 5 else "")
            raise ValueError(f"{name} holds {len(unknown)} ids that were not seen in fit, so {so_that}: {shown}.")
        return ids, codes

    def items(self, items):
        """Raw ids and codes of the candidates."""
        if items is None:
            return self.all_named(ITEM)
        candidates = as_series(items, "items").drop_duplicates()
        if candidates.isna().any():
            raise ValueError("items holds missing ids, which cannot be recommended; remove them.")
        return candidates, self.codes({ITEM: candidates})[:, ITEM]

    def queries(self, users):
        """Raw ids by column name, and codes in all columns but the items', of whom to recommend to."""
        columns = [j for j in range(self.n_columns) if j != ITEM]
        if users is None:
            raw, codes = self.all_named(USER)
            given, codes = {USER: raw}, codes[:, None]
        else:
            given = self._given(users, columns)
            codes = self.codes(given)[:, list(given)]
        unknown = np.full((len(codes), len(columns) - len(given)), MISSING, dtype=codes.dtype)
        return {self.names[j]: ids for j, ids in given.items()}, np.hstack([codes, unknown])

    def somebody(self, users):
        """Codes of users, -1 where one stands not for one user but for all that are unknown, missing or infrequent."""
        somebody = users >= 0
        if self.steps:
            somebody[somebody] = self.raw(USER, users[somebody]).notna()
        return np.where(somebody, users, MISSING)

    def encoded(self, table):
        """Codes of a table of raw ids in the columns of `fit`, and how many rows of each are unknown."""
        for step in self.steps:
            table = step.transform(table)
        return self.estimator._codes(table)

    def _given(self, users, columns):
        """The columns given, by their numbers: distinct rows of users, or of users with their context."""
        if np.ndim(users) < 2 and not hasattr(users, "columns"):
            return {USER: as_series(users, "users").drop_duplicates()}
        names = [self.names[j] for j in columns]
        if hasattr(users, "columns"):
            try:
                frame = pd.DataFrame({name: as_series(users[name], name).array for name in names})
            except KeyError as error:
                raise ValueError(f"users, as a table, must have the columns {names}; {error} is not there.") from error
        else:
            if np.shape(users)[1] != len(names):
                raise ValueError(f"users, as a table, must have {len(names)} columns; got shape {np.shape(users)}.")
            rows = [as_series(column, "users").array for column in zip(*users, strict=True)]
            frame = pd.DataFrame(dict(zip(names, rows, strict=True)))
        frame = frame.drop_duplicates()
        return {j: frame[name] for j, name in zip(columns, names, strict=True)}


def as_series(ids, name):
    """One id, or a column of ids of any type, as a Series."""
    if isinstance(ids, str | bytes) or not hasattr(ids, "__len__"):
        ids = [ids]
    if hasattr(ids, "to_pylist"):
        ids = ids.to_pylist()
    if not isinstance(ids, pd.Series | pd.Index | np.ndarray):
        ids = as_objects(list(ids))
    series = pd.Series(ids).reset_index(drop=True)
    if not len(series):
        raise ValueError(f"{name} is empty; give at least one id.")
    return series.infer_objects()
