"""IdSteps: the way of ids through the steps of a Pipeline to its estimator and back."""

from collections import UserList
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._encoder import IdEncoder, check_unknown, encode_columns, encoded_columns_of, vocabularies_of
from sklearn_ncf._fitted import snapshot
from sklearn_ncf._sklearn_compat import safe_indexing
from sklearn_ncf.encoding import MISSING, as_local, as_series, read_table, take_as_series, take_columns, with_columns
from sklearn_ncf.fitting import encode_table
from sklearn_ncf.lists._id_arguments import names_of
from sklearn_ncf.lists._unwrap import flat_steps


class Step(NamedTuple):
    """A step that ids go through both ways.

    transformer : IdEncoder, or any other with `inverse_transform`
    encoded : places of the columns that an IdEncoder encodes, None of another transformer
    n_columns, names : of the table that it reads, None where it does not say
    """

    transformer: object
    encoded: list | None
    n_columns: int | None
    names: list | None


class EncodedPart(NamedTuple):
    """The columns of a ColumnTransformer that IdEncoders encode.

    columns : of the ColumnTransformer's table, as it was given them
    before : transformers that these columns go through first
    encoders : IdEncoders that follow
    places : of the same columns in what the ColumnTransformer puts out
    """

    columns: object
    before: list
    encoders: list
    places: list


class IdSteps:
    """The steps between raw ids and an estimator.

    Raw ids are those that arrive at the first step which is undone. The steps before it, `applied`, have no way back,
    such as a selection of columns, and are applied to whole tables alone. IdEncoders in a ColumnTransformer, the last
    one of these, count as steps of their own, which are undone; whole tables are encoded by the ColumnTransformer.
    """

    def __init__(self, named_steps, estimator, features):
        self.estimator, self.features = estimator, features
        self.applied, self.parts, rest = _split(named_steps)
        rest = [_step_of(transformer) for transformer in rest]
        end = Step(None, None, estimator.n_features_in_, getattr(estimator, "feature_names_in_", None))
        within = []
        if self.parts:
            columns = _arriving_columns(self.applied[-1], self.parts, _first_that_says([*rest, end]).names)
            for part in self.parts:
                for encoder in part.encoders:
                    encoded = [part.places[column] for column in encoded_columns_of(encoder)]
                    within.append(Step(encoder, encoded, *columns))
        self.n_within = len(within)
        self.undone = [*within, *rest]
        self._levels = [*self.undone, end]
        self.n_all_columns = estimator.n_features_in_
        self.places = features.roles.ids or list(range(self.n_all_columns))  # of the columns of ids
        n_first = self.reader(0).n_columns
        if n_first != self.n_all_columns:
            raise ValueError(
                f"The steps before the estimator turn {n_first} columns into {self.n_all_columns}, so that ids cannot "
                "be told apart. Use IdEncoder, or leave the steps out: the estimator takes raw ids."
            )

        if within and not rest and any(map(self._are_strings, within)):
            raise TypeError(
                "The ColumnTransformer has turned codes of IdEncoder into strings, to join them with columns of "
                'strings. Call set_output(transform="pandas") on it, so that each column keeps its type, and fit again.'
            )

    def reader(self, level):
        """The first from step `level` on that says which columns it has seen in `fit`."""
        return _first_that_says(self._levels[level:])

    def vocabulary(self, column):
        """What the first encoder of a column knows of its raw ids, None where another transformer reads them."""
        for step in self.undone:
            if step.encoded is None:
                return None
            if self.places[column] in step.encoded:
                return vocabularies_of(step.transformer)[step.encoded.index(self.places[column])]
        return vocabularies_of(self.estimator.encoder_)[column]

    def id_table(self, table):
        """The columns of ids of a whole table, as they arrive at the first step that is undone."""
        table, whole = as_local(table, "X"), self.applied[:-1] if self.parts else self.applied
        for transformer in whole:
            table = transformer.transform(table)
        if not self.parts:
            return self.features.roles.id_table(table)
        arriving = {}
        for part in self.parts:
            columns = _taken(table, part.columns, self.applied[-1])
            for transformer in part.before:
                columns = transformer.transform(columns)
            arriving |= _series_at(part.places, columns)
        others = [place for place in self.places if place not in arriving]
        if others:
            arriving |= _series_at(others, take_columns(self.applied[-1].transform(table), others))
        return pd.DataFrame({place: arriving[place] for place in self.places})

    def transformed(self, table, *, warns, each):
        """A whole table as the estimator gets it, its codes, and the `Deviations` of unknown ids by column."""
        for transformer in self.applied:
            table = transformer.transform(table)
        return self.transformed_from(table, self.n_within, warns=warns, each=each)

    def transformed_from(self, table, level=0, *, warns, each):
        """The same of a table as step `level` reads it."""
        described = self.features.descriptions
        for number, step in enumerate(self.undone[level:], start=level):
            if step.encoded is None:
                table = step.transformer.transform(table)
                continue
            header, columns = read_table(table, estimator=step.transformer, only=step.encoded)
            if number >= self.n_within:
                validate_data(step.transformer, header, reset=False, skip_check_array=True)
            codes, unknown = encode_columns(step.transformer, columns)
            quiet = [
                step.encoded.index(self.places[column]) for column in described if self.places[column] in step.encoded
            ]
            check_unknown(step.transformer, unknown, warns=warns, each=each, described=quiet)
            table = codes if len(step.encoded) == self.n_all_columns else with_columns(table, step.encoded, codes.T)
            names = self.reader(number + 1).names
            if names is not None:
                table = pd.DataFrame(table).set_axis(names, axis=1)
            elif isinstance(table, pd.DataFrame):
                table = table.set_axis(range(self.n_all_columns), axis=1)
        codes, unknown, deviations = encode_table(self.estimator, table)
        check_unknown(self.estimator.encoder_, unknown, warns=warns, each=each, described=described)
        return table, codes, deviations

    def decoded(self, column, ids, level=0):
        """Ids that step `level` knows, from known ones of the estimator, and which of these have one."""
        named = np.ones(len(ids), dtype=bool)
        for number in reversed(range(level, len(self.undone))):
            step, place = self.undone[number], self.places[column]
            if step.encoded is not None:
                if place not in step.encoded:
                    continue
                has_id = ids >= 0
                ids = step.transformer.categories_[step.encoded.index(place)][ids[has_id].astype(np.intp)]
            elif len(ids):
                undone = step.transformer.inverse_transform(self.table({column: ids}, level=number + 1))
                found = next(read_table(undone, estimator=step.transformer, only=[place])[1])
                has_id = found.positions != MISSING
                ids = found.ids[found.positions[has_id]]
            else:
                has_id = []
            named[named] = has_id
        return ids, named

    def table(self, columns, features=None, *, level=0):
        """A table for step `level`, the last being the estimator: ids in some columns, any known id in the others.

        `features` are data frames by USER and ITEM, of the columns of their features, which are missing elsewhere.
        """
        n_rows = len(next(iter(columns.values())))
        any_id = np.zeros(n_rows, dtype=np.intp)
        series = {j: pd.Series(np.full(n_rows, np.nan)) for j in range(self.n_all_columns)}
        for j, place in enumerate(self.places):
            ids = as_series(columns[j]) if j in columns else take_as_series(self._any_id(j, level), any_id)
            series[place] = ids
        for side, frame in (features or {}).items():
            if frame is not None:
                places = self.features.roles.features[side]
                series |= {place: frame.iloc[:, k] for k, place in enumerate(places)}
        frame = pd.DataFrame(series)
        names = self.reader(level).names
        if names is not None:
            return frame.set_axis(names, axis=1)
        alike = len(set(frame.dtypes)) == 1 and isinstance(frame.dtypes[0], np.dtype)
        return frame.to_numpy(dtype=None if alike else object, copy=True)  # scikit-learn's transformers write to theirs

    def _are_strings(self, step):
        """Whether codes of a step arrive at the estimator as strings."""
        known = zip(self.places, self.estimator.encoder_.categories_, strict=True)
        return any(isinstance(id_, str) for place, ids in known if place in step.encoded for id_ in ids[:1])

    def _any_id(self, column, level):
        """An array of an id that step `level` knows in a column, or of a missing one where there is none."""
        first = self.estimator.encoder_.categories_[column][:2]  # pooled ids share one code, which has no id
        ids, _ = self.decoded(column, first, level)
        return ids[:1] if len(ids) else np.array([np.nan])


def _step_of(transformer):
    """A fitted transformer as a `Step`, an IdEncoder as it is now."""
    encoded = None
    if isinstance(transformer, IdEncoder):
        transformer = snapshot(transformer)
        encoded = encoded_columns_of(transformer)
    n_columns = getattr(transformer, "n_features_in_", None)
    return Step(transformer, encoded, n_columns, getattr(transformer, "feature_names_in_", None))


def _first_that_says(steps):
    """The first step that says which columns it has seen in `fit`."""
    return next(step for step in steps if step.n_columns is not None)


def _split(named_steps):
    """The steps that are applied alone, the `EncodedPart`s of the last of them, and the steps that are undone."""
    last = max((k for k, (_, step) in enumerate(named_steps) if not _can_be_undone(step)), default=-1)
    applied, undone = named_steps[: last + 1], [step for _, step in named_steps[last + 1 :]]
    for step in undone:
        check_is_fitted(step)
    if not applied:
        return [], [], undone
    name, transformer = applied[-1]
    parts = _encoded_parts(name, transformer)
    of_ours = [step for _, step in applied[:-1] if _has_encoder(step)]
    if of_ours or (_has_encoder(transformer) and not parts):
        raise TypeError(_way_out(name, transformer, within=not of_ours))
    return [step for _, step in applied], parts, undone


def _can_be_undone(step):
    """Whether a step gives ids back: selections of columns do not, since they know nothing of the other columns."""
    if isinstance(step, FunctionTransformer) and step.func is not None and step.inverse_func is None:
        return False
    return hasattr(step, "inverse_transform") and not hasattr(step, "get_support")


def _has_encoder(step):
    """Whether a step is an IdEncoder, or has one among its parameters."""
    params = step.get_params().values() if hasattr(step, "get_params") and not isinstance(step, IdEncoder) else [step]
    return any(isinstance(param, IdEncoder) for param in params)


def _way_out(name, transformer, *, within):
    """What to do about a step that has no way back, and stands where raw ids are codes already."""
    title = f"Step {name!r} of the Pipeline, {type(transformer).__name__},"
    if within:
        return (
            f"{title} holds an IdEncoder whose codes cannot be followed through it, so that items cannot be named. Put "
            "IdEncoder at the end of a part of a ColumnTransformer, or after this step, or leave it out: the estimator "
            "takes raw ids."
        )
    if isinstance(transformer, FunctionTransformer):
        return (
            f"{title} comes after IdEncoder and has no inverse_func, so that items cannot be named. Give it one, put "
            "it before IdEncoder, or leave IdEncoder out: the estimator takes raw ids."
        )
    return (
        f"{title} comes after IdEncoder and cannot be undone, so that items cannot be named. Put it before IdEncoder, "
        "or leave IdEncoder out: the estimator takes raw ids."
    )


def _encoded_parts(name, transformer):
    """The parts of a ColumnTransformer that end in IdEncoders; none where it has IdEncoders anywhere else."""
    if not isinstance(transformer, ColumnTransformer):
        return []
    check_is_fitted(transformer)
    parts = []
    for part, fitted, columns in transformer.transformers_:
        steps = [step for _, step in flat_steps(f"{name}__{part}", fitted)]
        encoders = [*takewhile(lambda step: isinstance(step, IdEncoder), reversed(steps))][::-1]
        before, of_output = steps[: len(steps) - len(encoders)], transformer.output_indices_[part]
        if any(map(_has_encoder, before)):
            return []
        if encoders:
            places = list(range(of_output.start, of_output.stop))
            parts.append(EncodedPart(columns, before, [snapshot(encoder) for encoder in encoders], places))
    return parts


def _arriving_columns(transformer, parts, names):
    """Number and names of what a ColumnTransformer puts out, which has given columns these names or None.

    What arrives at an IdEncoder in it, or passes through, has the names of the table.
    """
    n_columns = max(places.stop for places in transformer.output_indices_.values())
    if not hasattr(transformer, "feature_names_in_"):
        return n_columns, None
    if names is None:
        try:
            names = transformer.get_feature_names_out()
        except (AttributeError, ValueError):  # a transformer in it gives no names
            return n_columns, None
    own = list(names)
    verbatim = [(part.places[0], part.encoders[0]) for part in parts]
    for part, fitted, _ in transformer.transformers_:
        if isinstance(fitted, FunctionTransformer) and fitted.func is None:
            verbatim.append((transformer.output_indices_[part].start, fitted))
    for start, step in verbatim:
        of_step = list(getattr(step, "feature_names_in_", ()))
        own[start : start + len(of_step)] = of_step
    return n_columns, own if len(set(own)) == len(own) else list(names)


def _series_at(places, table):
    """The columns of a table as Series, by the places given."""
    frame = with_columns(table, [], []).reset_index(drop=True)
    return {place: frame.iloc[:, k] for k, place in enumerate(places)}


def _taken(table, columns, transformer):
    """The columns of a table that a ColumnTransformer was given for one of its parts."""
    fit_names = getattr(transformer, "feature_names_in_", None)
    numbers = pd.DataFrame([range(transformer.n_features_in_)], columns=fit_names)
    columns = columns.data if isinstance(columns, UserList) else columns  # which warns of a change in scikit-learn 1.7
    places, names = safe_indexing(numbers, columns, axis=1).iloc[0].tolist(), names_of(table)
    if names is not None and fit_names is not None:
        places = [names.index(fit_names[place]) for place in places]
    return take_columns(table, places)
