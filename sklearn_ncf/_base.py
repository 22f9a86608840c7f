"""BaseNCF: what the estimators share, from a table of raw ids to a trained net and back to predictions."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._checkpointing import checkpoints_of
from sklearn_ncf._columns import chunks_of, read_table, take_rows
from sklearn_ncf._containers import as_local
from sklearn_ncf._encoder import IdEncoder
from sklearn_ncf._fitted import publish, snapshot
from sklearn_ncf._fitted_model import FittedModel
from sklearn_ncf._growth import carry_over, grow, n_ids_of
from sklearn_ncf._id_parameters import IdParameters
from sklearn_ncf._large import is_mapped, let_go, new_array
from sklearn_ncf._parameters import SHARED_CONSTRAINTS, check_joint_parameters, module_class, python_parameters
from sklearn_ncf._random import seeded_generators
from sklearn_ncf._rows import codes_of, learn_rows, split_rows
from sklearn_ncf._seen import Seen
from sklearn_ncf._stamp import stamped, unstamped
from sklearn_ncf._state import net_from, state_of
from sklearn_ncf._units import ORDINARY, to_units
from sklearn_ncf._unknown_ids import UnknownIds
from sklearn_ncf.nn._lists import can_take_part
from sklearn_ncf.nn._network import of_network
from sklearn_ncf.nn._settings import default_settings
from sklearn_ncf.training import (
    Objective,
    Plan,
    Ratings,
    auto_batch_size,
    best_epoch_of,
    build_callbacks,
    build_net,
    check_memory,
    chosen_optimizer,
    copy_callbacks,
    history_of,
    in_whole_shares,
    is_first_process,
    is_solver,
    resolve_device,
    train,
)

PARTIAL_FIT_RATE = 0.1  # of learning_rate, for a network of one's own: the end of a one-cycle schedule, not its peak


def places_of_pairs(pairs, device):
    """Where histories are to keep pairs, as keywords of a network's `observe`: on disk where these lie there."""
    if device != "cpu" or not is_mapped(pairs):
        return {}
    partners = new_array(2 * len(pairs), np.int32, on_disk=True)
    return {"partners": torch.from_numpy(partners), "let_go": partial(let_go, partners)}


def fitted_model_of(estimator):
    """What a fitted estimator has learned, apart from its ids."""
    return FittedModel(estimator.net_, estimator._seen, estimator._units, estimator._of_unknown)


class BaseNCF(IdParameters, BaseEstimator):
    """Encoding, training, prediction and pickling of neural collaborative filtering.

    A subclass has the parameters of `_parameter_constraints` and a `loss`, and says in `_output_params` what its
    network puts out.
    """

    _parameter_constraints = SHARED_CONSTRAINTS
    _objectives = {}  # by their names in the parameter `loss`
    _kind_of_objective = Objective
    _units = ORDINARY  # of the network
    _known = None  # in a fit that follows fits of a single rating value: that value, in the network's units

    @property
    def _objective(self):
        """The class of what training minimises."""
        return self._objectives.get(self.loss, self.loss)

    @property
    def _params(self):
        """The parameters with Python's own numbers, which training is given."""
        return python_parameters(self)

    def _fit(self, X, y, sample_weight, validation, *, into, goes_on, holds_out, max_epochs, schedule, learning_rate):
        """Train on checked targets and weights; `validation`, a pair of table and targets, chooses the epoch.

        This is a snapshot of the estimator `into`, which gets what is learned. `goes_on` starts from the last fit,
        `holds_out` takes the validation set from the rows where none is given.
        """
        encoder, part, output, device = self._encoded(X, y, sample_weight, goes_on=goes_on)
        parts = [part]
        if validation is not None:
            header, columns = read_table(validation[0], estimator=self)
            validate_data(encoder, header, reset=False, skip_check_array=True)
            validation_codes, unknown = codes_of(encoder, columns, module_class(self))
            encoder._check_unknown(unknown)
            parts.append((validation_codes, to_units(validation[1], self._units), None))

        with (
            default_settings(),
            checkpoints_of(self, encoder, parts, device, goes_on=goes_on) as checkpoints,
            seeded_generators(self.random_state, device, seed=checkpoints.seed) as checkpoints.seed,
        ):
            if holds_out and validation is None:
                parts = split_rows(part, self._params.validation_fraction, checkpoints.seed)
            optimizer = self._optimizer(encoder.n_features_in_)
            before = self._seen if goes_on else Seen()
            seen = before.with_rows(*parts[0], n_ids_of(encoder), weighs_pairs=is_solver(optimizer))
            if holds_out and validation is None:
                seen = seen.with_held_out(parts[1][0])
            held_out_pairs = parts[1][0][:, :2] if len(parts) > 1 else None
            data = Ratings(*parts[0], device=device, sampler=self._sampler(seen, device))
            held_out = [
                Ratings(*part, device=device, sampler=self._sampler(seen, device, held_out_pairs)) for part in parts[1:]
            ]
            plan = self._plan(
                output,
                optimizer=optimizer,
                batch_size=self._batch_size(len(data)),
                n_rows=len(data),
                n_ratings=encoder._n_rows_seen,
                max_epochs=max_epochs,
                schedule=schedule,
                learning_rate=learning_rate,
                device=device,
            )
            net = self._net(
                n_ids_of(encoder),
                output,
                plan,
                has_validation=bool(held_out),
                validation_score=self._validation_score(seen, parts[1][0]) if held_out else None,
                checkpoints=checkpoints,
            )
            if goes_on and self._known is None:
                carry_over(self.net_.module_, net.module_)
            places = places_of_pairs(seen.pairs, device)
            of_network(net.module_, "observe")(torch.from_numpy(seen.pairs), plan.n_batches, **places)
            let_go(seen.pairs)
            try:
                id_means = self._id_means(seen)
                train(net, data, *held_out, id_counts=seen.counts, id_means=id_means, checkpoints=checkpoints)
                checkpoints.finish(net)
            except KeyboardInterrupt:
                if net.finalized_ and net.history:  # else there is nothing to keep, and the last fit stays
                    self._keep(encoder, net, seen, into=into)
                raise
        return self._keep(encoder, net, seen, into=into)

    def _first_fit(self, X, y, sample_weight, validation):
        """Train as the parameters say, from scratch or, with `warm_start`, from the last fit."""
        start, params = snapshot(self), self._params
        return start._fit(
            X,
            y,
            sample_weight,
            validation,
            into=self,
            goes_on=params.warm_start and hasattr(start, "net_") and not start._knows_one_rating(),
            holds_out=params.early_stopping,
            max_epochs=params.max_epochs,
            schedule=params.learning_rate_schedule,
            learning_rate=params.learning_rate,
        )

    def _partial_fit(self, X, y, sample_weight):
        """Go on from the last fit with further rows, of checked targets and weights."""
        start, params = snapshot(self), self._params
        starts_again = start._knows_one_rating()
        if can_take_part(start.net_.module_) and not starts_again:
            return grow(start, X, y, sample_weight, into=self)
        return start._fit(
            X,
            y,
            sample_weight,
            None,
            into=self,
            goes_on=True,
            holds_out=False,
            max_epochs=params.max_epochs if starts_again else 1,
            schedule=params.learning_rate_schedule if starts_again else "constant",
            learning_rate=params.learning_rate * (1 if starts_again else PARTIAL_FIT_RATE),
        )

    def _with_candidates(self, ids, seen):
        """The ids of each column that a training on rows with some ids needs."""
        return ids

    def _encoded(self, X, y, sample_weight, *, goes_on):
        """What a training starts from: an encoder that knows all ids, the rows encoded, output and device."""
        check_joint_parameters(self)
        device = resolve_device(self.device)
        if sample_weight is not None and not sample_weight.all():
            weighted = np.flatnonzero(sample_weight)  # no weight is no row: its ids are not learnt either
            X, y, sample_weight = take_rows(X, weighted), y[weighted], sample_weight[weighted]
        if sample_weight is not None and (sample_weight == sample_weight[0]).all():
            sample_weight = None
        header, _ = read_table(X, estimator=self, min_columns=1 if goes_on else 2)
        if goes_on:
            validate_data(self, header, reset=False, skip_check_array=True)
        encoder = IdEncoder()
        if goes_on:
            vars(encoder).update(vars(self.encoder_))  # it changes no array that the two share
        y = self._in_units(y, sample_weight, goes_on=goes_on)
        output = self._output_params(y, sample_weight, goes_on=goes_on)
        part = learn_rows(encoder, X, y, sample_weight, module=module_class(self), goes_on=goes_on)
        return encoder, part, output, device

    def _plan(self, output, **choices):
        """How to train: as the parameters say, but for some choices of this training."""
        params = self._params
        choices = {"learning_rate": params.learning_rate, "weight_decay": params.weight_decay, **choices}
        choices["batch_size"] = in_whole_shares(choices["batch_size"])
        return Plan(
            objective=self._objective,
            scale=output["output_scale"],
            patience=params.patience if params.early_stopping else None,
            verbose=params.verbose if is_first_process() else 0,
            **choices,
        )

    def _net(self, n_ids, output, plan, *, has_validation=False, validation_score=None, checkpoints=None):
        """A net to train as planned, with all that the parameters ask for."""
        params = self._params
        if isinstance(params.architecture, str):
            width = params.embedding_dim * (2 if params.architecture == "neumf" else 1)
            has_layers = params.architecture != "gmf"
            check_memory(
                sum(n_ids),
                width,
                layer_sizes=[len(n_ids) * params.embedding_dim, *params.hidden_layer_sizes] if has_layers else (),
                has_moments=not plan.solves,
                use_history=params.use_history,
                device=plan.device,
            )
        callbacks = build_callbacks(
            plan,
            user_callbacks=self.callbacks,
            has_validation=has_validation,
            validation_score=validation_score,
            checkpoints=checkpoints,
        )
        return build_net(*self._module_and_params(n_ids, output), plan, callbacks)

    def _keep(self, encoder, net, seen, trained=None, *, into):
        """Set what was learned in the estimator `into`, in one step: what fails or is interrupted leaves it as it was.

        `trained` is the net that went through the training, where it is another one.
        """
        learned = snapshot(into)
        learned.n_features_in_ = encoder.n_features_in_
        vars(learned).pop("feature_names_in_", None)
        if hasattr(encoder, "feature_names_in_"):
            learned.feature_names_in_ = encoder.feature_names_in_.copy()  # joblib loads one array of two objects as two
        learned.encoder_ = encoder
        learned.net_ = net
        learned.history_ = self._in_rating_units(history_of(trained or net))
        learned.n_iter_ = len(learned.history_)
        learned.best_epoch_ = best_epoch_of(trained or net)
        learned._seen = seen.in_memory()
        vars(learned).pop("_units", None)
        if self._units != ORDINARY:
            learned._units = self._units
        publish(into, learned)
        return into

    def _codes(self, X):
        """Codes of a table in the columns of `fit`, and an `UnknownIds` for each column."""
        header, columns = read_table(X, estimator=self)
        validate_data(self, header, reset=False, skip_check_array=True)
        return codes_of(self.encoder_, columns, self.net_.module)

    def _scores(self, X):
        """The scores of a table's rows."""
        check_is_fitted(self)
        fitted = snapshot(self)
        X, scores, unknown = as_local(X, "X"), [], []
        for part in chunks_of(X):
            codes, *of_part = fitted._codes(part)
            unknown += of_part
            scores.append(fitted_model_of(fitted).scores(codes))
        fitted.encoder_._check_unknown([sum(of_column, UnknownIds()) for of_column in zip(*unknown, strict=True)])
        return np.concatenate(scores)

    def _in_units(self, y, sample_weight, *, goes_on):
        """Targets in the units of the network, which are those of the last fit where the training `goes_on`."""
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

    def _optimizer(self, n_columns):
        """The parameter `optimizer`, or the class of the solver that it stands for."""
        module, params = self._of_network([0] * n_columns)
        try:
            return chosen_optimizer(self.optimizer, module, params, self._objective)
        except ValueError as error:
            raise InvalidParameterError(f"The 'optimizer' parameter of {type(self).__name__} {error}") from error

    def _sampler(self, seen, device, further_pairs=None):
        """What draws negatives that are neither among the pairs seen nor the further ones; None for ratings."""

    def _validation_score(self, seen, codes):
        """A function of a net that scores it on held-out codes, higher is better; None where the loss decides."""

    def _id_means(self, seen):
        """Mean rating of each id, where an unknown one is to be fitted to these."""

    def _batch_size(self, n_rows):
        return auto_batch_size(n_rows) if self.batch_size == "auto" else self._params.batch_size

    def _module_and_params(self, n_ids, output):
        """Class and parameters of the network that is to be made."""
        module, params = self._of_network(n_ids)
        optimizer = self._optimizer(len(n_ids))
        if is_solver(optimizer) and not optimizer.keeps_biases:
            params["use_bias"] = False
        return module, params | output

    def _of_network(self, n_ids):
        """Class and parameters of the network that the parameters describe."""
        params = self._params
        of_module = {
            "n_ids": n_ids,
            "embedding_dim": params.embedding_dim,
            "hidden_layer_sizes": tuple(int(size) for size in params.hidden_layer_sizes),
            "dropout": params.dropout,
            "embedding_dropout": params.embedding_dropout,
            "use_bias": params.use_bias,
        }
        if isinstance(params.architecture, str):
            of_module |= {"architecture": params.architecture, "use_history": params.use_history}
        return module_class(self), of_module

    def __getstate__(self):
        """Arrays and parameters: no device, no optimizer, no training data but the pairs seen."""
        state = dict(super().__getstate__())
        if "net_" in state:
            state["_net_state"] = state_of(state.pop("net_"))
            history = state["history_"]
            state["_seen"] = vars(state["_seen"])
            state["history_"] = {name: history[name].tolist() for name in history}
        return stamped(state)

    def __setstate__(self, state):
        state = unstamped(state, self)
        net_state = state.pop("_net_state", None)
        if net_state is not None:
            state["net_"] = net_from(net_state, state["device"])
            seen = Seen()
            vars(seen).update(state["_seen"])
            state |= {"_seen": seen, "history_": pd.DataFrame(state["history_"])}
        super().__setstate__(state)

    def __sklearn_clone__(self):
        """As scikit-learn's, but the objects that callbacks refer to are not copied."""
        others = object.__new__(type(self))
        vars(others).update(vars(self), callbacks=None)
        cloned = BaseEstimator.__sklearn_clone__(others)
        is_list = isinstance(self.callbacks, list)
        cloned.callbacks = copy_callbacks(self.callbacks) if is_list else clone(self.callbacks, safe=False)
        return cloned

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags
