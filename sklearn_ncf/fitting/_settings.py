"""Settings: the parameters of an estimator, and what they say of its network and its training."""

import copy
from dataclasses import replace
from numbers import Integral

import numpy as np
import torch

from sklearn_ncf._numbers import as_python
from sklearn_ncf._sklearn_compat import Interval, InvalidParameterError
from sklearn_ncf.nn import ITEM, EmbeddingNN, says_its_rows
from sklearn_ncf.training import (
    NegativeSampler,
    Plan,
    RankingObjective,
    Solver,
    auto_batch_size,
    build_callbacks,
    build_net,
    check_memory,
    chosen_optimizer,
    chosen_solver,
    estimate_strengths,
    has_weight_decay,
    is_callback,
    named_objectives,
    processes,
    takes_strengths,
    weighs_positives,
)

AUTO_NEGATIVES = {"gmf": 1024}  # shared by a mini-batch, where they cost one product of two matrices,
LAYERED_NEGATIVES = 16  # and where each of them costs a pass through layers
FEW_NEGATIVES = 4  # the paper's number
RATE, GMF_RATE = 0.01, 0.014  # learning_rate="auto"
GMF_BATCHES, GMF_BATCH_SIZE = 50, 8192  # batch_size="auto" with GMF; through layers, batches as large learn less
GRADIENT_DIM, GRADIENT_EPOCHS = 64, 20  # what "auto" stands for with gradients,
SOLVER_DIM, SOLVER_EPOCHS = 256, 10  # and with least squares, where width costs little,
LARGEST_TABLE = 2**28  # unless the tables have more numbers than these, a gibibyte
WEIGHT_OF_DENSITY = 0.5, -0.62  # positive_weight="auto": factor and power of the share of pairs that are positive
WEIGHTS = (2.0, 100.0)  # the smallest and the largest of them


def auto_embedding_dim(n_ids):
    """The width of vectors that are solved for."""
    dim = SOLVER_DIM
    while dim > GRADIENT_DIM and sum(n_ids) * dim > LARGEST_TABLE:
        dim //= 2
    return dim


def auto_positive_weight(rows):
    """How much a positive counts: the sparser the data, the more, since more of the other pairs may be positives.

    Counts and repeated rows are taken in: it is the weight of a pair of average weight.
    """
    pairs = rows.by_user
    n_users, n_items = (np.count_nonzero(np.diff(side.indptr)) for side in (pairs, rows.by_item))
    factor, power = WEIGHT_OF_DENSITY
    weight = factor * (pairs.nnz / (n_users * n_items)) ** power
    return float(np.clip(weight, *WEIGHTS) * pairs.nnz / pairs.sum(dtype=np.float64))


class Settings:
    """The parameters of an estimator as attributes, with Python's own numbers, and what follows from them alone.

    Parameters
    ----------
    estimator : str
        Name of the estimator's class, for messages.
    kind : type
        `RatingObjective` or `RankingObjective`: what the estimator's objectives are subclasses of.
    params, constraints : dict
        Values of the parameters by name, and what scikit-learn's check allows for them.
    """

    def __init__(self, estimator, kind, params, constraints):
        self.estimator, self.kind = estimator, kind
        self.params = {}
        for name, value in params.items():
            is_number = any(isinstance(constraint, Interval) for constraint in constraints[name])
            self.params[name] = int(value) if is_number and isinstance(value, bool) else as_python(value)
        vars(self).update(self.params)

    def changed(self, **params):
        """The same with other values of some parameters."""
        changed = copy.copy(self)
        changed.params = self.params | params
        vars(changed).update(params)
        return changed

    @property
    def ranks(self):
        """Whether positives are ranked, and not ratings predicted."""
        return issubclass(self.kind, RankingObjective)

    @property
    def objective(self):
        """The class of what training minimizes."""
        return named_objectives(self.kind).get(self.loss, self.loss)

    @property
    def network(self):
        """The class of the network."""
        return EmbeddingNN if isinstance(self.architecture, str) else self.architecture

    def network_params(self, n_ids):
        """The network's parameters, but for those of its output."""
        params = {
            "n_ids": n_ids,
            "embedding_dim": self.embedding_dim,
            "hidden_layer_sizes": tuple(int(size) for size in self.hidden_layer_sizes),
            "dropout": self.dropout,
            "embedding_dropout": self.embedding_dropout,
            "use_bias": self.use_bias,
        }
        if isinstance(self.architecture, str):
            params |= {"architecture": self.architecture, "use_history": self.use_history}
            params |= {"temperature": self.temperature} if self.ranks else {}
        return params

    def solver(self, n_columns):
        """The class of the solver that fits the network, None where gradients do."""
        try:
            return chosen_solver(self.optimizer, self.network, self.network_params([0] * n_columns), self.objective)
        except ValueError as error:
            raise InvalidParameterError(f"The 'optimizer' parameter of {self.estimator} {error}") from error

    def solver_of_fit(self, n_columns):
        """The solver that has fitted a network for so many columns, None where gradients have."""
        solver = self.solver(n_columns)
        return solver and solver(Plan(objective=self.objective, optimizer=solver, **self.of_penalties))

    @property
    def of_penalties(self):
        """What a plan says of weights and penalties, for what is solved for after a fit."""
        return {
            "weight_decay": self.weight_decay,
            "positive_weight": self.params.get("positive_weight", 1.0),
            "penalty_growth": self.params.get("penalty_growth", "auto"),
        }

    def auto_batch_size(self, n_rows):
        """The parameter `batch_size`, or what "auto" stands for."""
        if self.batch_size != "auto":
            return self.batch_size
        if self._rates_by_gmf:
            return auto_batch_size(n_rows, n_batches=GMF_BATCHES, largest=GMF_BATCH_SIZE)
        return auto_batch_size(n_rows)

    @property
    def step_size(self):
        """The parameter `learning_rate`, or what "auto" stands for."""
        if self.learning_rate != "auto":
            return self.learning_rate
        return GMF_RATE if self._rates_by_gmf else RATE

    @property
    def _rates_by_gmf(self):
        return not self.ranks and self.architecture == "gmf"

    def resolved(self, rows, n_ids, last_fit):
        """The same with a number for each "auto" that depends on the data.

        rows : `Interactions` to train on
        last_fit : dict, what such parameters were in the last fit, for a fit that resumes it; it may be empty
        """
        solves = self.solver(len(n_ids)) is not None
        auto = {
            "embedding_dim": lambda: auto_embedding_dim(n_ids) if solves else GRADIENT_DIM,
            "max_epochs": lambda: SOLVER_EPOCHS if solves else GRADIENT_EPOCHS,
            "positive_weight": lambda: auto_positive_weight(rows) if weighs_positives(self.objective) else 1.0,
        }
        found = {name: value for name, value in auto.items() if self.params.get(name) == "auto"}
        return self.changed(**{name: last_fit[name] if name in last_fit else value() for name, value in found.items()})

    def plan(self, data, n_ids, n_rows, *, batch_size=None, n_ratings=100_000):
        """How to train a network for `n_ids` ids on `n_rows` rows of some `TrainingData`."""
        batch_size = processes().in_whole_shares(batch_size or self.auto_batch_size(n_rows))
        self.solver(len(n_ids))  # raises the error that names the parameter
        return Plan(
            objective=self.objective,
            scale=data.output["output_scale"],
            optimizer=chosen_optimizer(
                self.optimizer, self.network, self.network_params(n_ids), self.objective, batch_size=batch_size
            ),
            learning_rate=self.step_size,
            schedule=self.learning_rate_schedule,
            **self.of_penalties,
            n_rows=n_rows,
            n_ratings=n_ratings,
            batch_size=batch_size,
            max_epochs=self.max_epochs,
            patience=self.patience if self.early_stopping else None,
            device=data.device,
            verbose=self.verbose if processes().is_rank_zero else 0,
        )

    def fitted_to(self, rows, plan):
        """A plan with what some rows say of ``weight_decay="auto"``."""
        is_ours = isinstance(self.architecture, str) and takes_strengths(plan.optimizer)
        if self.ranks or self.weight_decay != "auto" or not is_ours:
            return plan
        return replace(plan, strengths=estimate_strengths(rows, has_biases=self.use_bias))

    def net(self, n_ids, output, plan, **of_callbacks):
        """A net to train as planned, with all that the parameters ask for; keywords are those of `build_callbacks`."""
        if isinstance(self.architecture, str):
            width = self.embedding_dim * (2 if self.architecture == "neumf" else 1)
            has_layers = self.architecture != "gmf"
            check_memory(
                sum(n_ids),
                width,
                layer_sizes=[len(n_ids) * self.embedding_dim, *self.hidden_layer_sizes] if has_layers else (),
                has_moments=not plan.solves,
                use_history=self.use_history,
                device=plan.device,
            )
        callbacks = build_callbacks(plan, user_callbacks=self.callbacks, **of_callbacks)
        return self.bare_net(n_ids, output, plan, callbacks)

    def bare_net(self, n_ids, output, plan, callbacks=None):
        """A net without the estimator's callbacks."""
        params = self.network_params(n_ids) | output
        solver = self.solver(len(n_ids))
        if solver is not None and not solver.keeps_biases:
            params["use_bias"] = False
        return build_net(self.network, params, plan, callbacks)

    def sampler(self, seen, device, held_out=None):
        """What draws negatives that are in no interaction seen, nor in held-out ones; None for ratings."""
        if not self.ranks:
            return None
        shares, n_negatives = self.objective.shares_negatives, self.negatives_per_positive
        pairs = seen.pairs if held_out is None else seen.with_held_out(held_out.codes[:, :2]).all_pairs()
        return NegativeSampler(pairs, seen.items(), n_negatives=n_negatives, shares=shares, device=device)

    @property
    def negatives_per_positive(self):
        """The parameter `n_negatives`, or what "auto" stands for; None for ratings."""
        if not self.ranks or self.n_negatives != "auto":
            return self.params.get("n_negatives")
        shares = self.objective.shares_negatives
        return AUTO_NEGATIVES.get(self.architecture, LAYERED_NEGATIVES) if shares else FEW_NEGATIVES

    def id_means(self, seen):
        """Mean rating of each id, to which unknown ids are fitted; None for rankings."""
        return None if self.ranks else seen.means()

    def with_candidates(self, ids, seen):
        """The ids of each column that rows with some ids need: in rankings, all items are candidates."""
        if not self.ranks:
            return ids
        others = np.setdiff1d(seen.items(), ids[ITEM])
        return [np.append(column, others) if j == ITEM else column for j, column in enumerate(ids)]

    def check(self):
        """Rules between parameters, and on their parts, that constraints cannot say."""
        bases = {
            "architecture": (torch.nn.Module,),
            "optimizer": (torch.optim.Optimizer, Solver),
            "loss": (self.kind,),
        }
        for name, of_name in bases.items():
            value = self.params[name]
            if isinstance(value, type) and not issubclass(value, of_name):
                self._refuse(
                    name,
                    f"must be a name or a subclass of {' or '.join(map(_described, of_name))}. Got {value!r} instead.",
                )
        if self.weight_decay != "auto" and not has_weight_decay(self.optimizer):
            self._refuse("weight_decay", f"must be 'auto' with an optimizer that has none: {self.optimizer!r}.")
        if self.optimizer == "rowwise_adamw" and not says_its_rows(self.network):
            self._refuse(
                "optimizer",
                "must not be 'rowwise_adamw' with a network that does not say which rows it reads (table_rows): "
                f"{self.architecture!r}. Use 'adamw'.",
            )
        if any(not isinstance(size, Integral) or size < 1 for size in self.hidden_layer_sizes):
            self._refuse(
                "hidden_layer_sizes", f"must hold positive integers. Got {self.params['hidden_layer_sizes']!r} instead."
            )
        if not isinstance(self.architecture, str) and (
            self.user_features is not None or self.item_features is not None
        ):
            self._refuse(
                "architecture",
                f"must be one of ours with user_features or item_features, which say something of its vectors. Got "
                f"{self.architecture!r} instead.",
            )
        for callback in self.callbacks or ():
            if not is_callback(callback):
                self._refuse(
                    "callbacks",
                    f"must hold skorch callbacks or pairs of a name and a callback. Got {callback!r} in it.",
                )

    def _refuse(self, name, reason):
        raise InvalidParameterError(f"The {name!r} parameter of {self.estimator} {reason}")


def _described(class_):
    return f"{class_.__module__.partition('.')[0]}'s {class_.__name__}"
