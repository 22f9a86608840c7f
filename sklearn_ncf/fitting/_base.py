"""BaseNCF: what the estimators share, from a table of raw ids to a trained net and back to predictions."""

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._encoder import IdEncoder, check_unknown, n_rows_seen
from sklearn_ncf._fitted import publish, snapshot
from sklearn_ncf._random import seeded_generators
from sklearn_ncf._stamp import add_version, check_version
from sklearn_ncf.encoding import UnknownIds, as_local, chunks_of, read_table, take_rows
from sklearn_ncf.features import roles_of
from sklearn_ncf.fitting._checkpointing import checkpoints_of
from sklearn_ncf.fitting._features import NO_FEATURES, Features
from sklearn_ncf.fitting._fitted_model import FittedModel
from sklearn_ncf.fitting._further_users import FurtherUsers
from sklearn_ncf.fitting._growth import copy_weights, grow
from sklearn_ncf.fitting._guard_rails import warn_of_odd_columns
from sklearn_ncf.fitting._id_estimator import IdEstimator, fitted_model_of
from sklearn_ncf.fitting._id_parameters import IdParameters
from sklearn_ncf.fitting._parameters import SHARED_CONSTRAINTS
from sklearn_ncf.fitting._rows import TrainingData, codes_of, learn_rows
from sklearn_ncf.fitting._settings import Settings
from sklearn_ncf.fitting._state import net_from, state_of
from sklearn_ncf.fitting._units import ORDINARY, to_units
from sklearn_ncf.interactions import Interactions, Seen
from sklearn_ncf.nn import default_settings, of_network, tells_missing_apart
from sklearn_ncf.storage import storage_of
from sklearn_ncf.training import (
    InteractionDataset,
    Objective,
    best_epoch_of,
    copy_callbacks,
    history_of,
    resolve_device,
    train,
)

OF_EARLIER_VERSIONS = dict.fromkeys(("user_features", "item_features", "numeric_features", "separator"))
DESCRIBED_CHUNK_SIZE = 65_536  # rows of a table with features: bounds the memory of what these say
HEADER = ("n_features_in_", "feature_names_in_")
PARTIAL_FIT_RATE = 0.1  # of learning_rate, for a custom network: the end of a one-cycle schedule, not its peak


def solver_of(estimator):
    """The solver that fitted an estimator, as its parameters say it where it was loaded; None where gradients did."""
    net = estimator.net_
    if net.solver_ is not None:
        return net.solver_
    settings = estimator._settings.changed(**estimator._last_fit())
    return settings.solver_of_fit(len(estimator.encoder_.categories_))


def encode_table(estimator, X):
    """Codes of a table in the columns of `fit`, an `UnknownIds` for each column of ids, and what features say.

    These are the `Deviations` of unknown ids, by USER and ITEM.
    """
    fitted = fitted_model_of(estimator)
    codes, unknown = _encode_ids(estimator, X, estimator.encoder_, fitted.features.roles, fitted.tells_missing_apart)
    return codes, unknown, fitted.features.deviations(X, codes, fitted.seen)


def _encode_ids(estimator, X, encoder, roles, tells_missing_apart):
    """Codes of a table in the columns of `fit`, and an `UnknownIds` for each column of ids."""
    header, columns = read_table(X, estimator=estimator)
    validate_data(estimator, header, reset=False, skip_check_array=True)
    if roles.features or roles.ignored:
        _, columns = read_table(roles.id_table(X), estimator=estimator)
    return codes_of(encoder, columns, tells_missing_apart=tells_missing_apart)


class BaseNCF(IdParameters, IdEstimator):
    """Encoding, training, prediction and pickling of neural collaborative filtering.

    A subclass has the parameters of `_parameter_constraints`, set by `set_parameters`, and says in `_output_params`
    what its network puts out.
    """

    _parameter_constraints = SHARED_CONSTRAINTS
    _kind_of_objective = Objective
    _units = ORDINARY  # of the network
    _features = NO_FEATURES
    _known = None  # in a fit that follows fits of a single rating value: that value, in the network's units

    @property
    def _settings(self):
        """The parameters, and what follows from them."""
        params, constraints = self.get_params(deep=False), self._parameter_constraints
        return Settings(type(self).__name__, self._kind_of_objective, params, constraints)

    def _first_fit(self, X, y, sample_weight, validation):
        """Train as the parameters say, from scratch or, with `warm_start`, from the last fit."""
        start, settings = snapshot(self), self._settings
        resumes = settings.warm_start and hasattr(start, "net_") and not start._knows_one_rating()
        return start._fit(X, y, sample_weight, validation, settings, into=self, resumes=resumes)

    def _partial_fit(self, X, y, sample_weight):
        """Resume from the last fit with further rows, of checked targets and weights."""
        start, settings = snapshot(self), self._settings.changed(early_stopping=False)
        if not start._knows_one_rating():
            if of_network(start.net_.module_, "can_load_subset")():
                return start._grow(X, y, sample_weight, settings, into=self)
            settings = settings.changed(
                max_epochs=1, learning_rate_schedule="constant", learning_rate=settings.step_size * PARTIAL_FIT_RATE
            )
        return start._fit(X, y, sample_weight, None, settings, into=self, resumes=True)

    def _fit(self, X, y, sample_weight, validation, settings, *, into, resumes):
        """Train on checked targets and weights; `validation`, a pair of table and targets, chooses the epoch.

        This is a snapshot of the estimator `into`, which gets what is learned. `resumes` starts from the last fit.
        """
        data = self._prepare_training_data(X, y, sample_weight, settings, resumes=resumes)
        encoder, device, n_ids = data.encoder, data.device, data.n_ids
        parts = [data.interactions]
        if validation is not None:
            parts.append(self._prepare_validation_data(*validation, data, settings))
        holds_out = settings.early_stopping and validation is None
        start = self.net_ if resumes else None
        with (
            default_settings(),
            checkpoints_of(settings, encoder, parts, device, start=start) as checkpoints,
            seeded_generators(self.random_state, device, seed=checkpoints.seed) as checkpoints.seed,
        ):
            if holds_out:
                parts = data.interactions.split(settings.validation_fraction, checkpoints.seed)
            rows, *held_out = parts
            settings = settings.resolved(rows, n_ids, self._last_fit() if resumes else {})
            plan = settings.fitted_to(rows, settings.plan(data, n_ids, len(rows), n_ratings=n_rows_seen(encoder)))
            before = self._seen if resumes else Seen()
            seen = before.with_rows(rows, n_ids, weighs_pairs=plan.solves)
            if holds_out:
                seen = seen.with_held_out(held_out[0].codes)
            self._check_seen(seen)
            sampler = None if plan.solves else settings.sampler(seen, device)
            datasets = [InteractionDataset(rows, device=device, sampler=sampler)]
            datasets += [
                InteractionDataset(part, device=device, sampler=settings.sampler(seen, device, part))
                for part in held_out
            ]
            net = settings.net(
                n_ids,
                data.output,
                plan,
                has_validation=bool(held_out),
                validation_score=self._validation_score(seen, held_out[0].codes) if held_out else None,
                checkpoints=checkpoints,
            )
            if resumes and self._known is None:
                copy_weights(self.net_.module_, net.module_)
                self._features.draw(net.module_, self._seen, back=True)
            _tell_interactions(net.module_, seen.pairs, plan)
            try:
                id_means = settings.id_means(seen)
                train(net, *datasets, id_counts=seen.counts, id_means=id_means, checkpoints=checkpoints)
                checkpoints.finish(net)
            except KeyboardInterrupt:
                if net.finalized_ and net.history:  # else there is nothing to keep, and the last fit stays
                    self._set_fitted_state(data, net, seen, settings, into=into)
                raise
        return self._set_fitted_state(data, net, seen, settings, into=into)

    def _grow(self, X, y, sample_weight, settings, *, into):
        """Learn what further rows say of their own ids."""
        data = self._prepare_training_data(X, y, sample_weight, settings, resumes=True)
        settings = settings.resolved(data.interactions, data.n_ids, self._last_fit())

        def keep(net, seen, trained):
            self._set_fitted_state(data, net, seen, settings, trained, into=into)

        grow(data, fitted_model_of(self), settings, keep)
        if data.features.frames:  # pairs that have been learned may have new features
            into._features = data.features
        return into

    def _prepare_training_data(self, X, y, sample_weight, settings, *, resumes):
        """What a fit starts from, after all checks."""
        settings.check()
        device = resolve_device(settings.device)
        if sample_weight is not None and not sample_weight.all():
            weighted = np.flatnonzero(sample_weight)  # no weight is no row: its ids are not learned either
            X, y, sample_weight = take_rows(X, weighted), y[weighted], sample_weight[weighted]
        alike = sample_weight is not None and (sample_weight == sample_weight[0]).all()
        if alike and (sample_weight[0] == 1 or not settings.ranks):  # a positive of weight 5 is one of 5 rows
            sample_weight = None
        header, _ = read_table(X, estimator=self, min_columns=1 if resumes else 2)
        validate_data(self, header, reset=not resumes, skip_check_array=True)
        encoder, features = IdEncoder(), NO_FEATURES._replace(roles=roles_of(header, settings.params))
        if resumes:
            vars(encoder).update(vars(self.encoder_))  # it changes no array that the two share
            features = self._features.resumed(features.roles)
        y = self._in_units(y, sample_weight, resumes=resumes)
        output = self._output_params(y, sample_weight, resumes=resumes)
        rows, last_rows = learn_rows(
            encoder,
            features.roles.id_table(X),
            y,
            sample_weight,
            tells_missing_apart=tells_missing_apart(settings.network),
            resumes=resumes,
            described=features.roles.features,
        )
        warn_of_odd_columns(encoder, rows, features.roles)
        return TrainingData(encoder, rows, output, device, features.with_rows(X, last_rows, encoder))

    def _prepare_validation_data(self, X, y, data, settings):
        """The interactions of a validation set."""
        missing_apart = tells_missing_apart(settings.network)
        codes, unknown = _encode_ids(self, X, data.encoder, data.features.roles, missing_apart)
        check_unknown(data.encoder, unknown, described=data.features.frames)
        return Interactions(codes, to_units(y, self._units))

    def _set_fitted_state(self, data, net, seen, settings, trained=None, *, into):
        """Set what was learned in the estimator `into`, in one step: what fails or is interrupted leaves it as it was.

        `trained` is the net that went through the training, where it is another one.
        """
        learned = snapshot(into)
        for name in (*HEADER, "_features"):
            vars(learned).pop(name, None)
        vars(learned).update({name: value for name, value in vars(self).items() if name in HEADER})
        if data.features.frames:
            learned._features = data.features
            if trained is None:
                learned._features = data.features.learned(net.module_, seen, settings.separator)
                learned._features.draw(net.module_, seen)
        learned.encoder_ = data.encoder
        learned.net_ = net
        learned.history_ = self._in_rating_units(history_of(trained or net))
        learned.n_iter_ = len(learned.history_)
        learned.best_epoch_ = best_epoch_of(trained or net)
        learned._seen = seen.in_memory()
        learned._set_resolved(settings)
        vars(learned).pop("_units", None)
        if self._units != ORDINARY:
            learned._units = self._units
        publish(into, learned)
        return into

    def _fitted_model(self):
        return FittedModel(self.net_, self._seen, self._units, self._of_unknown, self._features)

    def _further_users(self):
        settings = self._settings.resolved(None, [len(ids) for ids in self.encoder_.categories_], self._last_fit())
        return FurtherUsers(self._fitted_model(), settings)

    def _scores(self, X):
        """The scores of a table's rows."""
        check_is_fitted(self)
        fitted = snapshot(self)
        X, scores, unknown = as_local(X, "X"), [], []
        for part in chunks_of(X, DESCRIBED_CHUNK_SIZE if fitted._features.descriptions else None):
            codes, of_part, deviations = encode_table(fitted, part)
            unknown.append(of_part)
            scores.append(fitted_model_of(fitted).scores(codes, deviations))
        unknown = [sum(of_column, UnknownIds()) for of_column in zip(*unknown, strict=True)]
        check_unknown(fitted.encoder_, unknown, described=fitted._features.descriptions)
        return np.concatenate(scores)

    def _in_units(self, y, sample_weight, *, resumes):
        """Targets in the units of the network, which are those of the last fit where the fit `resumes`."""
        return y

    def _in_rating_units(self, history):
        """The record of training with its losses in the units of the targets."""
        return history

    def _knows_one_rating(self):
        """Whether fits have seen a single rating value, from which a further one cannot continue."""
        return False

    @property
    def _of_unknown(self):
        """The score of pairs of which nothing is known, in the network's units; None where the network says it."""

    def _last_fit(self):
        """What parameters that may be "auto" were in the last fit."""
        return {"embedding_dim": self.net_.get_params_for("module").get("embedding_dim")}

    def _set_resolved(self, settings):
        """Set as fitted attributes what "auto" stood for."""

    def _check_seen(self, seen):
        """Raise `ValueError` where nothing can be learned from what was seen."""

    def _validation_score(self, seen, codes):
        """A function of a net that scores it on held-out codes, higher is better; None where the loss decides."""

    def __getstate__(self):
        """Arrays and parameters: no device, no optimizer, no training data but the pairs seen."""
        state = dict(super().__getstate__())
        if "net_" in state:
            state["_net_state"] = state_of(state.pop("net_"))
            history = state["history_"]
            state["_seen"] = vars(state["_seen"])
            if "_features" in state:
                state["_features"] = state["_features"].state()
            state["history_"] = {name: history[name].tolist() for name in history}
        return add_version(state)

    def __setstate__(self, state):
        state = OF_EARLIER_VERSIONS | check_version(state, self)
        net_state = state.pop("_net_state", None)
        if net_state is not None:
            state["net_"] = net_from(net_state, state["device"])
            seen = Seen()
            vars(seen).update(state["_seen"])
            state |= {"_seen": seen, "history_": pd.DataFrame(state["history_"])}
            if "_features" in state:
                state["_features"] = Features.from_state(state["_features"])
        super().__setstate__(state)

    def __sklearn_clone__(self):
        """As scikit-learn's, but the objects that callbacks refer to are not copied."""
        others = object.__new__(type(self))
        vars(others).update(vars(self), callbacks=None)
        cloned = BaseEstimator.__sklearn_clone__(others)
        is_list = isinstance(self.callbacks, list)
        cloned.callbacks = copy_callbacks(self.callbacks) if is_list else clone(self.callbacks, safe=False)
        return cloned


def _tell_interactions(module, pairs, plan):
    """Tell the network who has interacted with what, for its histories."""
    storage = storage_of(pairs)
    where = {} if storage.in_memory else {"storage": storage}
    of_network(module, "set_interactions")(torch.from_numpy(pairs), plan.n_batches, **where)
    storage.release_pages(pairs)
