"""PipelineIdMapper: from raw ids to the codes of a fitted model and back, through the steps of a Pipeline."""

import numpy as np
import pandas as pd

from sklearn_ncf.encoding import (
    MISSING,
    Vocabulary,
    as_objects,
    is_missing,
    shown,
)
from sklearn_ncf.features import feature_frame
from sklearn_ncf.fitting import fitted_model_of
from sklearn_ncf.lists._id_arguments import (
    FittedIds,
    column_of,
    distinct_ids,
    distinct_rows,
    is_table,
    names_of,
    plain,
    read_ids,
    take_ids,
)
from sklearn_ncf.lists._steps import IdSteps
from sklearn_ncf.lists._unwrap import unwrap
from sklearn_ncf.nn import ITEM, USER


class PipelineIdMapper:
    """The raw ids of a fitted model, and their codes in the estimator at its end.

    Raw ids are arrays as in ``categories_``: numbers as numbers, all others as objects, ``None`` where one is missing.
    `needs_network` refuses models without a network.
    """

    def __init__(self, model, *, needs_network=False):
        named_steps, self.estimator, self.target_transformers = unwrap(model, needs_network=needs_network)
        self.fitted = fitted_model_of(self.estimator)
        # After the estimator: an encoder may learn further ids meanwhile, but must know all of the estimator's.
        self.steps = IdSteps(named_steps, self.estimator, self.fitted.features)
        self.n_all_columns, self.places = self.steps.n_all_columns, self.steps.places
        self.n_columns = len(self.places)
        self.fit_names = self.steps.reader(0).names
        contexts = [f"context_{number}" for number in range(1, self.n_columns - 1)]
        self.names = ["user", "item", *contexts]
        if self.fit_names is not None:
            self.names = [self.fit_names[place] for place in self.places]

    def name_of(self, place):
        """The name of a column of the whole table, by its place."""
        if self.fit_names is not None:
            return self.fit_names[place]
        return self.names[self.places.index(place)] if place in self.places else f"feature_{place}"

    def named(self, column, codes):
        """Raw ids of known codes of a column, and which of the codes have one: the code of pooled ids has none."""
        return self.steps.decoded(column, self.estimator.encoder_.categories_[column][codes])

    def all_named(self, column):
        """Raw ids and codes of all ids that `fit` has seen in a column, but for missing and pooled ones."""
        codes = np.arange(len(self.estimator.encoder_.categories_[column]))
        ids, named = self.named(column, codes)
        codes = codes[named]
        if len(codes) and any(step.encoded is None for step in self.steps.undone):
            lost = ids[self._codes({column: ids})[0][:, column] != codes]
            if len(lost):
                names = ", ".join(type(step.transformer).__name__ for step in self.steps.undone)
                raise ValueError(
                    f"The steps before the estimator, {names}, do not give the ids of column {self.names[column]!r} "
                    f"back as they went in: for {shown(lost)}, inverse_transform is not the inverse of transform. Use "
                    "IdEncoder, or leave the steps out: the estimator takes raw ids."
                )
        return ids, codes

    def known(self, column, ids, name, so_that):
        """Distinct ids of an argument and their codes; `ValueError` where one does not have its own code."""
        ids, codes, _ = self.known_or_described(column, ids, name, so_that, takes_described=False)
        return ids, codes

    def known_or_described(self, column, ids, name, so_that, *, takes_described=True):
        """Distinct ids of an argument, their codes, and the `Deviations` of unknown ones by column.

        `ValueError` where one has neither its own code nor, if these are taken, features.
        """
        ids, frame = self.distinct(ids, name, column)
        codes, deviations = self._codes({column: ids}, {column: frame})
        nameless = self.mask_pooled(column, codes[:, column]) < 0
        if takes_described and column in deviations:
            nameless[deviations[column].rows] = False
        if nameless.any():
            raise ValueError(" ".join(self._reasons(column, ids[nameless], name, so_that)))
        return ids, codes[:, column], deviations

    def describes_items(self, items):
        """Whether an argument for candidates is a table that has their features."""
        return self._features_in(plain(items, "items"), "items", ITEM) is not None

    def items(self, items):
        """Raw ids and codes of the candidates, and the `Deviations` of unknown ones by column."""
        if items is None:
            return *self.all_named(ITEM), {}
        candidates, frame = self.distinct(items, "items", ITEM)
        if is_missing(candidates).any():
            raise ValueError("items holds missing ids, which cannot be recommended; remove them.")
        codes, deviations = self._codes({ITEM: candidates}, {ITEM: frame}, warns=True)
        return candidates, codes[:, ITEM], deviations

    def queries(self, users, *, warns=True):
        """Raw ids by column name, and codes in all columns but the items', of whom to recommend to.

        The third are the `Deviations` of unknown users by column.
        """
        columns, deviations = [j for j in range(self.n_columns) if j != ITEM], {}
        if users is None:
            raw, codes = self.all_named(USER)
            given, codes = {USER: raw}, codes[:, None]
        else:
            given, frame = self._given(users, columns)
            codes, deviations = self._codes(given, {USER: frame}, warns=warns)
            codes = codes[:, list(given)]
        unknown = np.full((len(codes), len(columns) - len(given)), MISSING, dtype=codes.dtype)
        return {self.names[j]: ids for j, ids in given.items()}, np.hstack([codes, unknown]), deviations

    def codes_of(self, column, ids):
        """Codes of distinct raw ids of a column."""
        return self._codes({column: ids})[0][:, column]

    def mask_pooled(self, column, codes):
        """Codes, -1 where one stands not for one id but for all that are unknown, missing or pooled."""
        of_one = codes >= 0
        if self.steps.undone:
            of_one[of_one] = self.named(column, codes[of_one])[1]
        return np.where(of_one, codes, MISSING)

    def encoded(self, table, *, warns=False, each=False):
        """Codes of a table of raw ids in the columns of `fit`, and the `Deviations` of unknown ids by column."""
        return self.transformed(table, warns=warns, each=each)[1:]

    def transformed(self, table, *, warns=False, each=False):
        """A table as the estimator gets it, and what `encoded` gives of it."""
        return self.steps.transformed(table, warns=warns, each=each)

    def id_table(self, table):
        """The columns of ids of a table in the columns of `fit`, as they arrive at the first step that is undone."""
        return self.steps.id_table(table)

    def grid_scorer(self, queries, of_queries, items, of_items):
        """A function from a slice of some queries to their scores with each of some items.

        Queries are codes in all columns but the items'; with them and the items come the `Deviations` of unknown ones.
        """
        score = self.item_scorer(items, of_items)

        def scores_of_slice(rows):
            deviations = {column: of_column.within(rows) for column, of_column in of_queries.items()}
            return score(queries[rows], deviations)

        return scores_of_slice

    def item_scorer(self, items, of_items):
        """A function from queries and their `Deviations` to their scores with each of some items."""
        score = self.fitted.grid_scorer(items, of_items)
        return lambda queries, deviations: self.as_predicted(score(queries, deviations))

    def scores_of(self, codes, deviations=None):
        """Scores of rows of codes, as `predict` gives them."""
        return self.as_predicted(self.fitted.scores(codes, deviations))

    def targets(self, ratings):
        """Ratings as the model is given them in the units of the estimator's network."""
        for transformer in self.target_transformers:
            ratings = np.asarray(transformer.transform(ratings.reshape(-1, 1)), dtype=np.float64).ravel()
        return self.fitted.targets(ratings)

    def as_predicted(self, scores):
        """Scores of the estimator in the units in which the model predicts."""
        shape = scores.shape
        for transformer in reversed(self.target_transformers):
            scores = np.asarray(transformer.inverse_transform(scores.reshape(-1, 1)), dtype=np.float32)
        return scores.reshape(shape)

    def _codes(self, columns, features=None, *, warns=False):
        """Codes, in all columns, of ids of some columns, and the `Deviations` of those with `features`."""
        table = self.steps.table(columns, features)
        _, codes, deviations = self.steps.transformed_from(table, warns=warns, each=True)
        return codes, {column: of_column for column, of_column in deviations.items() if column in columns}

    def distinct(self, ids, name, column):
        """Distinct ids of an argument, and their features where it is a table that has them."""
        ids = plain(ids, name)
        frame = self._features_in(ids, name, column)
        if frame is not None:
            values = read_ids(column_of(ids, self.names[column], name), name)
            order = pd.unique(values.positions)
            return take_ids(values, order), _last_rows(frame, values.positions, order)
        has_names = self.fit_names is not None
        fitted = self.known_ids(column)
        return distinct_ids(ids, name, fitted=fitted, columns=self.names, j=column, has_names=has_names), None

    def _features_in(self, table, name, column):
        """The features of a side in a table, or None where it has none of their columns."""
        places = self.fitted.features.roles.features.get(column)
        given = names_of(table)
        if places is None or given is None:
            return None
        if self.fit_names is None:
            if len(given) == 1:
                return None
            raise ValueError(
                f"{name} is a table of {len(given)} columns, but fit has seen no names of columns, by which features "
                "are found. Fit on a data frame, or pass the column of ids alone."
            )
        names = [self.fit_names[place] for place in places]
        absent = [of_column for of_column in names if of_column not in given]
        if len(absent) == len(names):
            return None
        if absent:
            raise ValueError(
                f"{name} has some columns of features, but not {absent[0]!r}; give all of {names}, with missing values "
                "where they are unknown, or none."
            )
        return feature_frame(table, [given.index(of_column) for of_column in names], names)

    def _given(self, users, columns):
        """The columns given, by their numbers: distinct users, or distinct rows of users with their context.

        With them come the users' features, where these are given.
        """
        users = plain(users, "users")
        frame = self._features_in(users, "users", USER)
        is_one_column = self.fit_names is None and len(names_of(users) or ()) == 1
        is_one_column = is_one_column or (frame is not None and len(columns) == 1)
        if is_one_column or not is_table(users, self.known_ids(USER)):
            ids, frame = self.distinct(users, "users", USER)
            return {USER: ids}, frame
        rows = distinct_rows(users, "users", [self.names[j] for j in columns])
        if frame is not None:
            values = read_ids(column_of(users, self.names[USER], "users"), "users")
            of_rows = Vocabulary(values.ids).codes(rows[0])
            frame = _last_rows(frame, values.positions, of_rows)
        return dict(zip(columns, rows, strict=True)), frame

    def known_ids(self, column):
        """What tells one id of a column from a collection of ids."""
        return FittedIds(lambda: self._types(column), lambda id_: self._include(column, id_))

    def _types(self, column):
        """The types of the raw ids of a column, where they are objects."""
        vocabulary = self.steps.vocabulary(column)
        known = [self.all_named(column)[0]] if vocabulary is None else [vocabulary.ids, vocabulary.infrequent_ids]
        return tuple({type(id_) for ids in known if ids.dtype == object for id_ in ids})

    def _include(self, column, id_):
        """Whether an id has its own code."""
        codes = self._codes({column: as_objects([id_])})[0][:, column]
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
        vocabulary = self.steps.vocabulary(column)
        if vocabulary is None or not len(ids):
            return np.zeros(len(ids), dtype=bool)
        is_minus_one = np.fromiter((id_ == -1 for id_ in ids), dtype=bool, count=len(ids))
        return (vocabulary.codes(ids) != MISSING) | (vocabulary.accounts_for(ids) & ~is_minus_one)


def _last_rows(frame, positions, wanted):
    """The last row of a data frame for each of the `wanted` positions, which stand in its rows, -1 where missing."""
    last = np.zeros(positions.max(initial=MISSING) + 2, dtype=np.intp)
    last[positions + 1] = np.arange(len(positions))
    return frame.take(last[wanted + 1]).reset_index(drop=True)
