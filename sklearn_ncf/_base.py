"""BaseNCF: what the estimators share, from a table of raw ids to a trained net and back to predictions."""

import copy
from inspect import signature
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._columns import MISSING, chunks_of, read_table, take_rows
from sklearn_ncf._encoder import IdEncoder
from sklearn_ncf._random import seeded_torch
from sklearn_ncf.nn import ARCHITECTURES, N_SPECIAL, EmbeddingNN
from sklearn_ncf.training import (
    OPTIMIZERS,
    SCHEDULES,
    Ratings,
    best_epoch_of,
    build_callbacks,
    build_net,
    history_of,
    optimizer_class,
    predict_ratings,
    resolve_device,
    train,
)

ROWS_AT_ONCE = 500_000  # of a table to predict: bounds what codes and hash tables take beside it
AUTO_BATCHES = 100  # an epoch, at least: enough steps on small data
AUTO_BATCH_SIZE = (32, 4096)


class BaseNCF(BaseEstimator):
    """Encoding, training, prediction and pickling of neural collaborative filtering.

    A subclass has the parameters of `_parameter_constraints` and a `loss`, and says in `_output_params` what its
    network puts out.
    """

    _parameter_constraints = {
        "architecture": [StrOptions(set(ARCHITECTURES)), type],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
        "use_bias": ["boolean"],
        "use_history": ["boolean"],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint_dir": [None, str, HasMethods("__fspath__")],
        "callbacks": [None, list],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @property
    def user_embeddings_(self):
        """Vectors of the users, in the order of ``encoder_.categories_[0]``."""
        return self._embeddings_of(0)

    @property
    def item_embeddings_(self):
        """Vectors of the items, in the order of ``encoder_.categories_[1]``."""
        return self._embeddings_of(1)

    def _fit(self, X, y, sample_weight, validation, *, goes_on, holds_out, max_epochs, schedule, learning_rate):
        """Train on checked targets and weights; `validation`, a pair of table and targets, chooses the epoch.

        `goes_on` starts from the last fit, `holds_out` takes the validation part from the rows where none is given.
        """
        self._check_joint_parameters()
        device = resolve_device(self.device)
        if sample_weight is not None and not sample_weight.all():
            weighted = np.flatnonzero(sample_weight)  # no weight is no row: its ids are not learnt either
            X, y, sample_weight = take_rows(X, weighted), y[weighted], sample_weight[weighted]
        if sample_weight is not None and (sample_weight == sample_weight[0]).all():
            sample_weight = None
        header, _ = read_table(X, estimator=self, min_columns=1 if goes_on else 2)
        if goes_on:
            validate_data(self, header, reset=False, skip_check_array=True)
        encoder = copy.copy(self.encoder_) if goes_on else IdEncoder()
        module = self._module_class()
        codes, _ = _codes(encoder, encoder._learn(X, reset=not goes_on), module)  # it changes no array a copy shares
        output = self._output_params(y, sample_weight, goes_on=goes_on)
        parts = [(codes, y, sample_weight)]
        if validation is not None:
            header, columns = read_table(validation[0], estimator=self)
            validate_data(encoder, header, reset=False, skip_check_array=True)
            validation_codes, n_unknown = _codes(encoder, columns, module)
            encoder._warn_of_unknown(n_unknown, len(validation_codes), stacklevel=5)
            parts.append((validation_codes, validation[1], None))

        with seeded_torch(self.random_state, device) as seed:
            if holds_out and validation is None:
                parts = self._split(parts[0], seed)
            trained_ids = _trained_ids(parts[0][0], encoder, self._trained_ids if goes_on else None)
            data, *held_out = (Ratings(*part, device=device) for part in parts)
            batch_size = self._batch_size(len(data))
            n_batches = -(-len(data) // batch_size)
            callbacks = build_callbacks(
                user_callbacks=self.callbacks,
                optimizer=self.optimizer,
                schedule=schedule,
                learning_rate=learning_rate,
                n_batches=n_batches,
                max_epochs=max_epochs,
                patience=self.patience if self.early_stopping else None,
                has_validation=bool(held_out),
                checkpoint_dir=self.checkpoint_dir,
                verbose=self.verbose,
            )
            net = build_net(
                *self._module_and_params(encoder, output),
                loss=self.loss,
                loss_scale=output["output_scale"],
                optimizer=self.optimizer,
                learning_rate=learning_rate,
                weight_decay=self.weight_decay,
                n_ratings=encoder._n_rows_seen,
                batch_size=batch_size,
                max_epochs=max_epochs,
                callbacks=callbacks,
                device=device,
                verbose=self.verbose,
            )
            if goes_on:
                _carry_over(self.net_.module_, net.module_)
            pairs = _distinct_pairs(parts[0][0], self._pairs if goes_on else None)
            if hasattr(net.module_, "observe"):
                net.module_.observe(torch.from_numpy(pairs), n_batches)
            try:
                train(net, data, *held_out, trained_ids=trained_ids)
            except KeyboardInterrupt:
                if net.history or not hasattr(self, "net_"):  # else the last fit is worth more
                    self._keep(encoder, net, trained_ids, pairs)
                raise
        return self._keep(encoder, net, trained_ids, pairs)

    def _keep(self, encoder, net, trained_ids, pairs):
        """Set what was learnt, all at once, so that a fit that fails leaves a fitted estimator as it was."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(encoder, name):
                setattr(self, name, getattr(encoder, name))
            elif hasattr(self, name):
                delattr(self, name)
        self.encoder_ = encoder
        self.net_ = net
        self.history_ = history_of(net)
        self.n_iter_ = len(self.history_)
        self.best_epoch_ = best_epoch_of(net)
        self._trained_ids = trained_ids
        self._pairs = pairs
        return self

    def _scores(self, X):
        """The network's scores of a table, and which ids of it the network was trained on."""
        check_is_fitted(self)
        scores, known, n_unknown = [], [], 0
        for part in chunks_of(X, ROWS_AT_ONCE):
            header, columns = read_table(part, estimator=self)
            validate_data(self, header, reset=False, skip_check_array=True)
            codes, n_unknown_here = _codes(self.encoder_, columns, self.net_.module)
            n_unknown += n_unknown_here
            known.append(np.stack([ids[codes[:, j] + N_SPECIAL] for j, ids in enumerate(self._trained_ids)], axis=1))
            scores.append(predict_ratings(self.net_, codes))
        scores = np.concatenate(scores)
        self.encoder_._warn_of_unknown(n_unknown, len(scores), stacklevel=4)
        return scores, np.concatenate(known)

    def _split(self, part, seed):
        """Training and validation rows, drawn at random."""
        n_rows = len(part[0])
        if n_rows < 2:
            raise ValueError(
                f"early_stopping=True needs rows to hold out, but there are n_samples={n_rows}; pass X_val and y_val "
                "or use early_stopping=False."
            )
        rows = train_test_split(np.arange(n_rows), test_size=self.validation_fraction, random_state=seed)
        return [_rows_of(part, part_rows) for part_rows in rows]

    def _batch_size(self, n_rows):
        if self.batch_size != "auto":
            return self.batch_size
        smallest, largest = AUTO_BATCH_SIZE
        return min(max(n_rows // AUTO_BATCHES, smallest), largest)

    def _module_and_params(self, encoder, output):
        params = {
            "n_ids": [len(ids) for ids in encoder.categories_],
            "embedding_dim": self.embedding_dim,
            "hidden_layer_sizes": tuple(int(size) for size in self.hidden_layer_sizes),
            "dropout": self.dropout,
            "embedding_dropout": self.embedding_dropout,
            "use_bias": self.use_bias,
            **output,
        }
        if isinstance(self.architecture, str):
            params |= {"architecture": self.architecture, "use_history": self.use_history}
        return self._module_class(), params

    def _module_class(self):
        return EmbeddingNN if isinstance(self.architecture, str) else self.architecture

    def _check_joint_parameters(self):
        """Rules that `_parameter_constraints` cannot say."""
        for name, base in (("architecture", torch.nn.Module), ("optimizer", torch.optim.Optimizer)):
            value = getattr(self, name)
            if isinstance(value, type) and not issubclass(value, base):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must be a name or a subclass of "
                    f"torch's {base.__name__}. Got {value!r} instead."
                )
        if self.weight_decay != "auto" and "weight_decay" not in signature(optimizer_class(self.optimizer)).parameters:
            raise InvalidParameterError(
                f"The 'weight_decay' parameter of {type(self).__name__} must be 'auto' with an optimizer that has "
                f"none: {self.optimizer!r}."
            )
        if self.optimizer == "rowwise_adamw" and not hasattr(self._module_class(), "table_rows"):
            raise InvalidParameterError(
                f"The 'optimizer' parameter of {type(self).__name__} must not be 'rowwise_adamw' with a network that "
                f"does not say which rows it reads (table_rows): {self.architecture!r}. Use 'adamw'."
            )
        if any(not isinstance(size, Integral) or size < 1 for size in self.hidden_layer_sizes):
            raise InvalidParameterError(
                f"The 'hidden_layer_sizes' parameter of {type(self).__name__} must hold positive integers. Got "
                f"{self.hidden_layer_sizes!r} instead."
            )

    def _embeddings_of(self, column):
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no embeddings before fit.")
        module = self.net_.module_
        if not hasattr(module, "embedding"):
            raise AttributeError(f"{type(module).__name__} has no table of embeddings.")
        rows = module.column_rows(column)
        with torch.no_grad():
            return module.vectors(torch.arange(rows.start, rows.stop, device=self.net_.device)).cpu().numpy()

    def __getstate__(self):
        """Arrays and parameters: no device, no optimizer, no training data."""
        state = dict(super().__getstate__())
        net = state.pop("net_", None)
        if net is not None:
            state["_net_state"] = {
                "module": net.module,
                "module_params": net.get_params_for("module"),
                "loss": net.criterion__loss,
                "loss_scale": net.criterion__scale,
                "weights": {name: weight.cpu().numpy() for name, weight in net.module_.state_dict().items()},
            }
        return state

    def __setstate__(self, state):
        state = dict(state)
        net_state = state.pop("_net_state", None)
        super().__setstate__(state)
        if net_state is not None:
            self.net_ = _restored(net_state, self.device)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags


def _restored(net_state, device):
    """A net from the arrays of a pickle, on the device asked for if it is there, else on the CPU."""
    try:
        device = resolve_device(device)
    except ValueError:
        device = "cpu"
    net_state = dict(net_state)
    weights = {name: torch.from_numpy(np.array(weight)) for name, weight in net_state.pop("weights").items()}
    with seeded_torch(0, device):
        net = build_net(net_state.pop("module"), net_state.pop("module_params"), device=device, **net_state)
    net.module_.load_state_dict(weights)
    net.module_.eval()
    return net


def _codes(encoder, columns, module):
    """Codes of columns, and how many rows of each are unknown.

    -1 stands for unknown ids, -2 for missing ones, which networks of somebody's own see as -1 too.
    """
    columns = list(columns)
    codes, n_unknown = encoder._codes_of(columns)
    if hasattr(module, "table_rows"):
        for j, column in enumerate(columns):
            codes[column.positions == MISSING, j] = -N_SPECIAL
    return codes, n_unknown


def _trained_ids(codes, encoder, before):
    """Which ids of each column have had training rows, now or before: missing, unknown, then those of `encoder`."""
    trained = []
    for j, ids in enumerate(encoder.categories_):
        known = np.bincount(codes[:, j] + N_SPECIAL, minlength=len(ids) + N_SPECIAL) > 0
        if before is not None:
            known[: len(before[j])] |= before[j]
        trained.append(known)
    return trained


def _distinct_pairs(codes, before):
    """Users and items that training rows join, now or before: int32 codes of shape (n_pairs, 2), in sorted order."""
    pairs = codes[:, :2] if before is None else np.concatenate([before, codes[:, :2]])
    n_items = int(pairs[:, 1].max()) + N_SPECIAL + 1
    keys = np.sort((pairs[:, 0] + N_SPECIAL).astype(np.int64) * n_items + pairs[:, 1] + N_SPECIAL)
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    return (np.stack(np.divmod(keys, n_items), axis=1) - N_SPECIAL).astype(np.int32)


def _carry_over(learnt, module):
    """Copy what a module has learnt into one that may know more ids."""
    try:
        if hasattr(module, "copy_from"):
            module.copy_from(learnt)
        else:
            module.load_state_dict(learnt.state_dict())
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"The network cannot go on from the last fit, since its parameters have changed: {error} Fit anew with "
            "warm_start=False."
        ) from error


def _rows_of(part, rows):
    return tuple(None if array is None else array[rows] for array in part)
