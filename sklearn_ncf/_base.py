"""BaseNCF: what the estimators share, from a table of raw ids to a trained net and back to predictions."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._checkpointing import checkpoints_of
from sklearn_ncf._columns import chunks_of, read_table, take_rows
from sklearn_ncf._encoder import IdEncoder
from sklearn_ncf._growth import carry_over, grow, n_ids_of
from sklearn_ncf._large import is_mapped, let_go, new_array
from sklearn_ncf._parameters import SHARED_CONSTRAINTS, check_joint_parameters, module_class
from sklearn_ncf._random import seeded_torch
from sklearn_ncf._rows import codes_of, learn_rows
from sklearn_ncf._seen import Seen
from sklearn_ncf._stamp import stamped, unstamped
from sklearn_ncf._state import net_from, state_of
from sklearn_ncf.nn import ITEM, USER, EmbeddingNN, GridScorer
from sklearn_ncf.training import (
    Ratings,
    best_epoch_of,
    build_callbacks,
    build_net,
    check_memory,
    history_of,
    in_whole_shares,
    is_first_process,
    predict_ratings,
    resolve_device,
    train,
)

AUTO_BATCHES = 100  # an epoch, at least: enough steps on small data
AUTO_BATCH_SIZE = (32, 4096)
PARTIAL_FIT_RATE = 0.1  # of learning_rate, for a network of one's own: the end of a one-cycle schedule, not its peak


def places_of_pairs(pairs, device):
    """Where histories are to keep pairs, as keywords of a network's `observe`: on disk where these lie there."""
    if device != "cpu" or not is_mapped(pairs):
        return {}
    partners = new_array(2 * len(pairs), np.int32, on_disk=True)
    return {"partners": torch.from_numpy(partners), "let_go": partial(let_go, partners)}


class BaseNCF(BaseEstimator):
    """Encoding, training, prediction and pickling of neural collaborative filtering.

    A subclass has the parameters of `_parameter_constraints` and a `loss`, and says in `_output_params` what its
    network puts out.
    """

    _parameter_constraints = SHARED_CONSTRAINTS
    _ranks = False  # whether the loss is one of lists, not of ratings

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
        encoder, part, output, device = self._encoded(X, y, sample_weight, goes_on=goes_on)
        parts = [part]
        if validation is not None:
            header, columns = read_table(validation[0], estimator=self)
            validate_data(encoder, header, reset=False, skip_check_array=True)
            validation_codes, n_unknown = codes_of(encoder, columns, module_class(self))
            encoder._warn_of_unknown(n_unknown, len(validation_codes), stacklevel=5)
            parts.append((validation_codes, validation[1], None))

        with (
            checkpoints_of(self, encoder, parts, device, goes_on=goes_on) as checkpoints,
            seeded_torch(self.random_state, device, seed=checkpoints.seed) as checkpoints.seed,
        ):
            if holds_out and validation is None:
                parts = self._split(part, checkpoints.seed)
            solved = self._optimizer(encoder.n_features_in_) == "als"
            seen = (self._seen if goes_on else Seen()).with_rows(*parts[0], n_ids_of(encoder), weighs_pairs=solved)
            if holds_out and validation is None:
                seen = seen.with_held_out(parts[1][0])
            held_out_pairs = parts[1][0][:, :2] if len(parts) > 1 else None
            data = Ratings(*parts[0], device=device, sampler=self._sampler(seen, device))
            held_out = [
                Ratings(*part, device=device, sampler=self._sampler(seen, device, held_out_pairs)) for part in parts[1:]
            ]
            net = self._net(
                n_ids_of(encoder),
                output,
                batch_size=self._batch_size(len(data)),
                n_rows=len(data),
                max_epochs=max_epochs,
                schedule=schedule,
                learning_rate=learning_rate,
                weight_decay=self.weight_decay,
                n_ratings=encoder._n_rows_seen,
                has_validation=bool(held_out),
                validation_score=self._validation_score(seen, parts[1][0]) if held_out else None,
                checkpoints=checkpoints,
                device=device,
            )
            if goes_on:
                carry_over(self.net_.module_, net.module_)
            if hasattr(net.module_, "observe"):
                places = places_of_pairs(seen.pairs, device)
                net.module_.observe(torch.from_numpy(seen.pairs), -(-len(data) // net.batch_size), **places)
                let_go(seen.pairs)
            try:
                id_means = self._id_means(seen)
                train(net, data, *held_out, id_counts=seen.counts, id_means=id_means, checkpoints=checkpoints)
            except KeyboardInterrupt:
                if net.history or not hasattr(self, "net_"):  # else the last fit is worth more
                    self._keep(encoder, net, seen)
                raise
            checkpoints.finish(net)
        return self._keep(encoder, net, seen)

    def _first_fit(self, X, y, sample_weight, validation):
        """Train as the parameters say, from scratch or, with `warm_start`, from the last fit."""
        return self._fit(
            X,
            y,
            sample_weight,
            validation,
            goes_on=self.warm_start and hasattr(self, "net_"),
            holds_out=self.early_stopping,
            max_epochs=self.max_epochs,
            schedule=self.learning_rate_schedule,
            learning_rate=self.learning_rate,
        )

    def _partial_fit(self, X, y, sample_weight):
        """Go on from the last fit with further rows, of checked targets and weights."""
        if hasattr(self.net_.module, "take_part"):
            return grow(self, X, y, sample_weight)
        return self._fit(
            X,
            y,
            sample_weight,
            None,
            goes_on=True,
            holds_out=False,
            max_epochs=1,
            schedule="constant",
            learning_rate=self.learning_rate * PARTIAL_FIT_RATE,
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
        output = self._output_params(y, sample_weight, goes_on=goes_on)
        part = learn_rows(encoder, X, y, sample_weight, module=module_class(self), goes_on=goes_on)
        return encoder, part, output, device

    def _net(
        self,
        n_ids,
        output,
        *,
        batch_size,
        n_rows,
        max_epochs,
        schedule,
        learning_rate,
        weight_decay,
        device,
        n_ratings=None,
        has_validation=False,
        validation_score=None,
        checkpoints=None,
    ):
        """A net to train on `n_rows` rows, with all that the parameters ask for."""
        optimizer = self._optimizer(len(n_ids))
        if isinstance(self.architecture, str):
            width = self.embedding_dim * (2 if self.architecture == "neumf" else 1)
            has_moments, use_history = optimizer != "als", self.use_history
            check_memory(sum(n_ids), width, has_moments=has_moments, use_history=use_history, device=device)
        batch_size = in_whole_shares(batch_size)
        verbose = self.verbose if is_first_process() else 0
        callbacks = build_callbacks(
            user_callbacks=self.callbacks,
            optimizer=optimizer,
            schedule="constant" if optimizer == "als" else schedule,
            learning_rate=learning_rate,
            n_batches=-(-n_rows // batch_size),
            max_epochs=max_epochs,
            patience=self.patience if self.early_stopping else None,
            has_validation=has_validation,
            validation_score=validation_score,
            checkpoints=checkpoints,
            verbose=verbose,
        )
        return build_net(
            *self._module_and_params(n_ids, output),
            loss=self.loss,
            loss_scale=output["output_scale"],
            ranks=self._ranks,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            n_ratings=n_ratings or n_rows,
            batch_size=batch_size,
            max_epochs=max_epochs,
            callbacks=callbacks,
            device=device,
            verbose=verbose,
        )

    def _keep(self, encoder, net, seen, trained=None):
        """Set what was learnt, all at once, so that a fit that fails leaves a fitted estimator as it was.

        `trained` is the net that went through the training, where it is another one.
        """
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(encoder, name):
                setattr(self, name, getattr(encoder, name))
            elif hasattr(self, name):
                delattr(self, name)
        self.encoder_ = encoder
        self.net_ = net
        self.history_ = history_of(trained or net)
        self.n_iter_ = len(self.history_)
        self.best_epoch_ = best_epoch_of(trained or net)
        self._seen = seen.in_memory()
        return self

    def _codes(self, X):
        """Codes of a table in the columns of `fit`, and how many rows of each column hold unknown ids."""
        header, columns = read_table(X, estimator=self)
        validate_data(self, header, reset=False, skip_check_array=True)
        return codes_of(self.encoder_, columns, self.net_.module)

    def _scores(self, X):
        """The scores of a table's rows."""
        check_is_fitted(self)
        scores, n_unknown = [], 0
        for part in chunks_of(X):
            codes, n_unknown_here = self._codes(part)
            n_unknown += n_unknown_here
            scores.append(self._scores_of(codes))
        scores = np.concatenate(scores)
        self.encoder_._warn_of_unknown(n_unknown, len(scores), stacklevel=4)
        return scores

    def _scores_of(self, codes):
        scores = predict_ratings(self.net_, codes)
        self._score_unknown(scores, *(self._seen.trained(column, codes[:, column]) for column in (USER, ITEM)))
        return scores

    def _grid_scorer(self, items, net=None, seen=None):
        """A function from codes of queries, in all columns but the items', to their scores with each of some items."""
        net, seen = net or self.net_, seen or self._seen
        module, device = net.module_.eval(), net.device
        if isinstance(module, EmbeddingNN):
            of_network = GridScorer(module, torch.from_numpy(items).to(device))
        trained_items = seen.trained(ITEM, items)

        def scorer(queries):
            if isinstance(module, EmbeddingNN):
                scores = of_network(torch.from_numpy(queries).to(device)).cpu().numpy()
            else:
                codes = np.repeat(np.insert(queries, ITEM, 0, axis=1), len(items), axis=0)
                codes[:, ITEM] = np.tile(items, len(queries))
                scores = predict_ratings(net, codes).reshape(len(queries), len(items))
            self._score_unknown(scores, seen.trained(USER, queries[:, USER])[:, None], trained_items)
            return scores

        return scorer

    def _score_unknown(self, scores, knows_user, knows_item):
        """Overwrite scores of pairs of which nothing is known."""

    def _optimizer(self, n_columns):
        """The parameter `optimizer`, or what it stands for."""
        return self.optimizer

    def _sampler(self, seen, device, further_pairs=None):
        """What draws negatives that are neither among the pairs seen nor the further ones; None for ratings."""

    def _validation_score(self, seen, codes):
        """A function of a net that scores it on held-out codes, higher is better; None where the loss decides."""

    def _id_means(self, seen):
        """Mean rating of each id, where an unknown one is to be fitted to these."""

    def _split(self, part, seed):
        """Training and validation rows, drawn at random."""
        n_rows = len(part[0])
        if n_rows < 2:
            raise ValueError(
                f"early_stopping=True needs rows to hold out, but there are n_samples={n_rows}; pass X_val and y_val "
                "or use early_stopping=False."
            )
        rows = train_test_split(np.arange(n_rows), test_size=self.validation_fraction, random_state=seed)
        return [[None if array is None else array[part_rows] for array in part] for part_rows in rows]

    def _batch_size(self, n_rows):
        if self.batch_size != "auto":
            return self.batch_size
        smallest, largest = AUTO_BATCH_SIZE
        return min(max(n_rows // AUTO_BATCHES, smallest), largest)

    def _module_and_params(self, n_ids, output):
        params = {
            "n_ids": n_ids,
            "embedding_dim": self.embedding_dim,
            "hidden_layer_sizes": tuple(int(size) for size in self.hidden_layer_sizes),
            "dropout": self.dropout,
            "embedding_dropout": self.embedding_dropout,
            "use_bias": self.use_bias,
            **output,
        }
        if isinstance(self.architecture, str):
            params |= {"architecture": self.architecture, "use_history": self.use_history}
        return module_class(self), params

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
        """Arrays and parameters: no device, no optimizer, no training data but the pairs seen."""
        state = dict(super().__getstate__())
        if "net_" in state:
            state["_net_state"] = state_of(state.pop("net_"))
            state["_seen"] = vars(self._seen)
            state["history_"] = {name: self.history_[name].tolist() for name in self.history_}
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags
