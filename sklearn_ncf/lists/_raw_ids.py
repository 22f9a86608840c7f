"""PipelineIdMapper: from raw ids to the codes of a fitted model and back, through the steps of a Pipeline."""

from itertools import islice

import numpy as np
import pandas as pd
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._encoder import IdEncoder, check_unknown, encode_columns, vocabularies_of
from sklearn_ncf._fitted import snapshot
from sklearn_ncf.encoding import MISSING, as_objects, as_series, is_missing, read_table, shown, take_as_series
from sklearn_ncf.fitting import encode_table, fitted_model_of
from sklearn_ncf.lists._id_arguments import FittedIds, distinct_ids, distinct_rows, is_table, names_of, plain
from sklearn_ncf.lists._unwrap import unwrap
from sklearn_ncf.nn import ITEM, USER


class PipelineIdMapper:
    """The raw ids of a fitted model, and their codes in the estimator at its end.

    Raw ids are arrays as in ``categories_``: numbers as numbers, all others as objects, ``None`` where one is missing.
    """

    def __init__(self, model):
        steps, self.estimator, self.target_transformers = unwrap(model)
        for name, step in steps:
            _check_step(name, step)
        # After the estimator: an encoder may learn further ids meanwhile, but must know all of the estimator's.
        self.steps = [snapshot(step) if isinstance(step, IdEncoder) else step for _, step in steps]
        self.fitted = fitted_model_of(self.estimator)
        self.n_columns = self.estimator.n_features_in_
        first = self._reader(0)
        if first.n_features_in_ != self.n_columns:
            raise ValueError(
                f"The steps before the estimator turn {first.n_features_in_} columns into {self.n_columns}, so that "
                "ids cannot be told apart. Use IdEncoder, or leave the steps out: the estimator takes raw ids."
            )
        self.fit_names = getattr(first, "feature_names_in_", None)
        contexts = [f"context_{number}" for number in range(1, self.n_columns - 1)]
        self.names = ["user", "item", *contexts] if self.fit_names is None else list(self.fit_names)

    def named(self, column, codes):
        """Raw ids of known codes of a column, and which of the codes have one: the code of pooled ids has none."""
        return self._decoded(column, self.estimator.encoder_.categories_[column][codes], 0)

    def all_named(self, column):
        """Raw ids and codes of all ids that `fit` has seen in a column, but for missing and pooled ones."""
        codes = np.arange(len(self.estimator.encoder_.categories_[column]))
        ids, named = self.named(column, codes)
        codes = codes[named]
        if len(codes) and not all(isinstance(step, IdEncoder) for step in self.steps):
            lost = ids[self._codes({column: ids})[:, column] != codes]
            if len(lost):
                names = ", ".join(type(step).__name__ for step in self.steps)
                raise ValueError(
                    f"The steps before the estimator, {names}, do not give the ids of column {self.names[column]!r} "
                    f"back as they went in: for {shown(lost)}, inverse_transform is not the inverse of transform. Use "
                    "IdEncoder, or leave the steps out: the estimator takes raw ids."
                )
        return ids, codes

    def known(self, column, ids, name, so_that):
        """Distinct ids of an argument and their codes; `ValueError` where one does not have its own code."""
        ids = self._distinct(ids, name, column)
        codes = self._codes({column: ids})[:, column]
        nameless = self.mask_pooled(column, codes) < 0
        if nameless.any():
            raise ValueError(" ".join(self._reasons(column, ids[nameless], name, so_that)))
        return ids, codes

    def items(self, items):
        """Raw ids and codes of the candidates."""
        if items is None:
            return self.all_named(ITEM)
        candidates = self._distinct(items, "items", ITEM)
        if is_missing(candidates).any():
            raise ValueError("items holds missing ids, which cannot be recommended; remove them.")
        return candidates, self._codes({ITEM: candidates}, warns=True)[:, ITEM]

    def queries(self, users):
        """Raw ids by column name, and codes in all columns but the items', of whom to recommend to."""
        columns = [j for j in range(self.n_columns) if j != ITEM]
        if users is None:
            raw, codes = self.all_named(USER)
            given, codes = {USER: raw}, codes[:, None]
        else:
            given = self._given(users, columns)
            codes = self._codes(given, warns=True)[:, list(given)]
        unknown = np.full((len(codes), len(columns) - len(given)), MISSING, dtype=codes.dtype)
        return {self.names[j]: ids for j, ids in given.items()}, np.hstack([codes, unknown])

    def mask_pooled(self, column, codes):
        """Codes, -1 where one stands not for one id but for all that are unknown, missing or pooled."""
        of_one = codes >= 0
        if self.steps:
            of_one[of_one] = self.named(column, codes[of_one])[1]
        return np.where(of_one, codes, MISSING)

    def encoded(self, table, *, warns=False, each=False):
        """Codes of a table of raw ids in the columns of `fit`, and an `UnknownIds` of each for the estimator."""
        for level, step in enumerate(self.steps):
            if isinstance(step, IdEncoder):
                header, columns = read_table(table, estimator=step)
                validate_data(step, header, reset=False, skip_check_array=True)
                table, unknown = encode_columns(step, columns)
                check_unknown(step, unknown, warns=warns, each=each)
                names = getattr(self._reader(level + 1), "feature_names_in_", None)
                table = table if names is None else pd.DataFrame(table, columns=names)
            else:
                table = step.transform(table)
        codes, unknown = encode_table(self.estimator, table)
        check_unknown(self.estimator.encoder_, unknown, warns=warns, each=each)
        return codes, unknown

    def grid_scorer(self, items):
        """A function from codes of queries, in all columns but the items', to their scores with each of some items."""
        score = self.fitted.grid_scorer(items)
        return lambda queries: self._as_predicted(score(queries))

    def scores_of(self, codes):
        """Scores of rows of codes, as `predict` gives them."""
        return self._as_predicted(self.fitted.scores(codes))

    def _as_predicted(self, scores):
        """Scores of the estimator in the units that the model predicts in."""
        shape = scores.shape
        for transformer in reversed(self.target_transformers):
            scores = np.asarray(transformer.inverse_transform(scores.reshape(-1, 1)), dtype=np.float32)
        return scores.reshape(shape)

    def _decoded(self, column, ids, level):
        """Ids that step `level` knows, from known ones of the estimator, and which of these have one."""
        named = np.ones(len(ids), dtype=bool)
        for place in reversed(range(level, len(self.steps))):
            step = self.steps[place]
            if isinstance(step, IdEncoder):
                has_id = ids >= 0
                ids = step.categories_[column][ids[has_id].astype(np.intp)]
            elif len(ids):
                undone = step.inverse_transform(self._table(place + 1, {column: ids}))
                found = next(islice(read_table(undone, estimator=step)[1], column, None))
                has_id = found.positions != MISSING
                ids = found.ids[found.positions[has_id]]
            else:
                has_id = []
            named[named] = has_id
        return ids, named

    def _table(self, level, columns):
        """A table for step `level`, the last being the estimator: ids in some columns, any known id in the others."""
        n_rows = len(next(iter(columns.values())))
        any_id = np.zeros(n_rows, dtype=np.intp)
        frame = pd.DataFrame(
            {
                j: as_series(columns[j]) if j in columns else take_as_series(self._any_id(j, level), any_id)
                for j in range(self.n_columns)
            }
        )
        reader = self._reader(level)
        names = getattr(reader, "feature_names_in_", None)
        if names is not None:
            return frame.set_axis(names, axis=1)
        alike = len(set(frame.dtypes)) == 1 and isinstance(frame.dtypes[0], np.dtype)
        return frame.to_numpy(dtype=None if alike else object, copy=True)  # scikit-learn's transformers write to theirs

    def _any_id(self, column, level):
        """An array of an id that step `level` knows in a column, or of a missing one where there is none."""
        first = self.estimator.encoder_.categories_[column][:2]  # pooled ids share one code, which has no id
        ids, _ = self._decoded(column, first, level)
        return ids[:1] if len(ids) else np.array([np.nan])

    def _reader(self, level):
        """The first from step `level` on that says which columns it has seen in `fit`."""
        return next(step for step in [*self.steps, self.estimator][level:] if hasattr(step, "n_features_in_"))

    def _codes(self, columns, *, warns=False):
        """Codes, in all columns, of ids of some columns."""
        return self.encoded(self._table(0, columns), warns=warns, each=True)[0]

    def _distinct(self, ids, name, column):
        """Distinct ids of an argument."""
        has_names = self.fit_names is not None
        fitted = self._fitted(column)
        return distinct_ids(plain(ids, name), name, fitted=fitted, columns=self.names, j=column, has_names=has_names)

    def _given(self, users, columns):
        """The columns given, by their numbers: distinct users, or distinct rows of users with their context."""
        users = plain(users, "users")
        is_one_column = self.fit_names is None and len(names_of(users) or ()) == 1
        if is_one_column or not is_table(users, self._fitted(USER)):
            return {USER: self._distinct(users, "users", USER)}
        rows = distinct_rows(users, "users", [self.names[j] for j in columns])
        return dict(zip(columns, rows, strict=True))

    def _fitted(self, column):
        """What tells one id of a column from a collection of ids."""
        return FittedIds(lambda: self._types(column), lambda id_: self._include(column, id_))

    def _types(self, column):
        """The types of the raw ids of a column, where they are objects."""
        first = (self.steps or [self.estimator.encoder_])[0]
        if isinstance(first, IdEncoder):
            vocabulary = vocabularies_of(first)[column]
            known = [vocabulary.ids, vocabulary.infrequent_ids]
        else:
            known = [self.all_named(column)[0]]
        return tuple({type(id_) for ids in known if ids.dtype == object for id_ in ids})

    def _include(self, column, id_):
        """Whether an id has its own code."""
        codes = self._codes({column: as_objects([id_])})[:, column]
        return bool(self.mask_pooled(column, codes)[0] >= 0)

    def _reasons(self, column, ids, name, so_that):
        """Why ids have no code of their own, a sentence for each reason."""
        missing = is_missing(ids)
        pooled = ~missing
        pooled[pooled] = self._are_pooled(column, ids[~missing])
        unknown = ~missing & ~pooled
        if unknown.any():
            yield f"{name} holds {unknown.sum()} ids that were not seen in fit, so {so_that}: {shown(ids[unknown])}."
        if pooled.any():
            yield (
                f"{name} holds {pooled.sum()} ids that were infrequent in fit and share one embedding, so {so_that}: "
                f"{shown(ids[pooled])}. Lower min_frequency and fit again to give them embeddings of their own."
            )
        if missing.any():
            yield f"{name} holds {missing.sum()} ids that were not seen in fit: they are missing; remove them."

    def _are_pooled(self, column, ids):
        """Which ids without a code of their own were seen in `fit`, as far as its first step remembers."""
        if not self.steps or not isinstance(self.steps[0], IdEncoder) or not len(ids):
            return np.zeros(len(ids), dtype=bool)
        vocabulary = vocabularies_of(self.steps[0])[column]
        is_minus_one = np.fromiter((id_ == -1 for id_ in ids), dtype=bool, count=len(ids))
        return (vocabulary.codes(ids) != MISSING) | (vocabulary.accounts_for(ids) & ~is_minus_one)


def _check_step(name, step):
    """Refuse a step that cannot give ids back."""
    way_out = "Use IdEncoder, or leave the step out: the estimator takes raw ids."
    if not hasattr(step, "inverse_transform"):
        raise TypeError(
            f"Step {name!r} of the Pipeline, {type(step).__name__}, has no inverse_transform, so that items cannot be "
            f"named. {way_out}"
        )
    if isinstance(step, FunctionTransformer) and step.func is not None and step.inverse_func is None:
        raise TypeError(
            f"Step {name!r} of the Pipeline, FunctionTransformer, has no inverse_func, so that items cannot be named. "
            f"Give it one. {way_out}"
        )
    check_is_fitted(step)
