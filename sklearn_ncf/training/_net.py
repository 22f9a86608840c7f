"""The skorch net: one training path for every estimator, from codes to the best epoch's weights."""

from contextlib import AbstractContextManager, nullcontext, suppress

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import (
    ITEM,
    EmbeddingNN,
    bias_of,
    global_generators_lent,
    of_network,
    replacing_global_generators,
    score_lists,
)
from sklearn_ncf.training._batches import Batch, BatchIterator, InteractionDataset
from sklearn_ncf.training._callbacks import BEST_EPOCH, explain_missing_column
from sklearn_ncf.training._checkpoint_state import has_stopped, restore_training
from sklearn_ncf.training._checkpoints import Checkpoints
from sklearn_ncf.training._objectives import RankingObjective, weighs_positives
from sklearn_ncf.training._one_process import processes
from sklearn_ncf.training._optimizers import optimizer_params
from sklearn_ncf.training._plan import Plan
from sklearn_ncf.training._rowwise import RowwiseAdamW, mark_tables
from sklearn_ncf.training._shrinkage import Shrinkage
from sklearn_ncf.training._skorch import (
    Callback,
    EarlyStopping,
    LRScheduler,
    NeuralNet,
    PassthroughScoring,
    predefined_split,
)
from sklearn_ncf.training._solvers import Solver

LISTS_CHUNK_SIZE = 2048  # of positives and their negatives, in validation
PREDICTION_CHUNK = 16_384  # rows: larger ones leave the caches and gain nothing


class TrainingStopped(KeyboardInterrupt):
    """Early stopping's way to end a training, told apart from a person's interrupt."""


class NCFNet(NeuralNet):
    """A skorch net that reads its batches from tensors, weights rows and refuses to go on with a broken loss."""

    plan_: Plan  # by which it was built
    shrinkage_: Shrinkage | None = None  # what draws biases, and tables trained row by row, to zero
    penalty_ = None  # of a batch's codes, added to the loss that is minimised but not to the one that is reported
    solver_: Solver | None = None  # what fits the network in the place of gradients
    shared_ = None  # what makes the steps of several processes one, a SharedTraining
    finalized_ = False  # whether training has ended, or was interrupted, and everything after it is done

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        learning_rate = self.optimizer_.param_groups[0]["lr"] if self.solver_ is None else np.nan
        self.history.record("learning_rate", learning_rate)

    def notify(self, method_name, **cb_kwargs):
        """As skorch's, but an `EarlyStopping` that stops raises `TrainingStopped`, not what Ctrl-C raises."""
        getattr(self, method_name)(self, **cb_kwargs)
        # At the end the last one, which restores the best weights, comes first: others save what it has restored.
        callbacks = reversed(self.callbacks_) if method_name == "on_train_end" else self.callbacks_
        stopped = None
        for _, callback in callbacks:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as interrupt:
                if not (isinstance(callback, EarlyStopping) and callback.misses_ >= callback.patience):
                    raise
                stopped = interrupt
            except Exception as error:
                explain_missing_column(self, callback, error)
                raise
        if stopped is not None:
            raise TrainingStopped from stopped

    def get_dataset(self, X, y=None):
        """As skorch's, for codes as an array."""
        if isinstance(X, InteractionDataset):
            return X
        codes = np.asarray(X, dtype=np.int64)
        targets = np.zeros(len(codes)) if y is None else np.asarray(y)
        return InteractionDataset(Interactions(codes, targets), device=self.device)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """As skorch's, but batches are written down one by one only where a callback watches them."""
        if iterator is None:
            return
        if training and self.solver_ is not None:
            self._set_training(True)
            with torch.no_grad(), self.draws():
                loss = self.solver_.sweep(self.module_, iterator.dataset)
            self._record_epoch(prefix, loss, n_rows=len(iterator.dataset), n_batches=1)
        elif any(_watches_batches(callback) for _, callback in self.callbacks_):
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        else:
            self._run_unwatched(iterator, training, prefix)
        losses = self.history[-1, "batches", :, prefix + "_loss"]
        if not np.isfinite(losses).all():
            self.raise_diverged(f"The {'training' if training else 'validation'} loss became {losses[-1]}")
        if training:
            self.finalize_epoch()

    def train_step(self, batch: Batch, **fit_params):
        """As skorch's, and histories follow the step."""
        with self.draws():
            step = super().train_step(batch, **fit_params)
        self._tell_history("after_step")
        return step

    def train_step_single(self, batch: Batch, **fit_params):
        self._set_training(True)
        predicted, loss = self._forward(batch)
        self._backward(batch, loss)
        return {"loss": self.criterion_.in_rating_units(processes().mean(loss.detach())), "y_pred": predicted}

    def validation_step(self, batch: Batch, **fit_params):
        self._set_training(False)
        with torch.no_grad(), self.draws():
            predicted, loss = self._forward(batch)
        return {"loss": self.criterion_.in_rating_units(loss), "y_pred": predicted}

    def _run_unwatched(self, iterator: BatchIterator, training: bool, prefix: str) -> None:
        """An epoch without a record of each batch, which would take a tenth of the time; one stands for all."""
        schedulers = [callback for _, callback in self.callbacks_ if isinstance(callback, LRScheduler)]
        parameters = list(self.module_.parameters())
        # One tensor for all: thousands of small ones, between those that come and go, would keep the memory in pieces.
        losses, sizes = torch.empty(len(iterator), dtype=torch.float32, device=self.device), []
        self._set_training(training)
        with torch.set_grad_enabled(training):
            for batch in iterator:
                with self.draws():
                    _, loss = self._forward(batch)
                    if training:
                        for parameter in parameters:  # a fraction of the time of the optimizer's zero_grad
                            parameter.grad = None
                        self._backward(batch, loss)
                        self.optimizer_.step()
                if training:
                    self._tell_history("after_step")
                    for scheduler in schedulers:
                        scheduler.on_batch_end(self, training=True)
                losses[len(sizes)] = loss.detach()
                sizes.append(batch.n_rows)
        sizes = torch.tensor(sizes, dtype=torch.float64)
        mean = processes().mean(losses.cpu().double() @ sizes / sizes.sum())
        self._record_epoch(prefix, mean.item(), n_rows=int(sizes.sum()), n_batches=len(sizes))

    def _record_epoch(self, prefix: str, loss: float, *, n_rows: int, n_batches: int) -> None:
        """Write down an epoch as one batch."""
        self.history.new_batch()
        self.history.record_batch(prefix + "_loss", self.criterion_.in_rating_units(loss))
        self.history.record_batch(prefix + "_batch_size", n_rows)
        self.history.record(prefix + "_batch_count", n_batches)

    def _backward(self, batch: Batch, loss: Tensor) -> None:
        """The backward pass, and what follows it before the step."""
        try:
            (loss if self.penalty_ is None else loss + self.penalty_(batch[0])).backward()
        except RuntimeError as error:
            if torch.is_anomaly_enabled() and "returned nan values" in str(error):
                self.raise_diverged("A gradient became NaN")
            raise
        if self.shared_ is not None:
            self.shared_.average_gradients()
        self._tell_history("before_step")
        if self.shrinkage_ is not None:
            self.shrinkage_.add_gradients()

    def _forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.shared_ is not None and self.module_.training:
            return self.shared_.call(self._forward_loss, batch)
        return self._forward_loss(batch)

    def _forward_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        codes, ratings = batch
        if self.module_.training and isinstance(self.optimizer_, RowwiseAdamW):
            self.optimizer_.catch_up(self.module_.table_rows(codes))
            if batch.negatives is not None:
                items = batch.negatives.items.flatten()
                others = codes[:1].repeat(len(items), 1)
                others[:, ITEM] = items
                self.optimizer_.catch_up(self.module_.table_rows(others))
        if batch.negatives is not None:
            items, excluded, share = batch.negatives
            lists = score_lists(self.module_, codes, items, excluded)
            return lists, self.criterion_(lists, share, batch.sample_weight)
        predicted = self.module_(codes)
        if predicted.shape != ratings.shape:
            raise ValueError(
                f"The network of 'architecture' must return one rating a row, in shape {tuple(ratings.shape)}; "
                f"{type(self.module_).__name__} returned shape {tuple(predicted.shape)}."
            )
        return predicted, self.criterion_(predicted, ratings, batch.sample_weight)

    def _tell_history(self, event: str) -> None:
        of_network(self.module_, "tell_history")(event)

    def draws(self) -> AbstractContextManager:
        """A block in which custom networks and optimizers draw from the fit's generators; ours do so anyway."""
        steps = self.optimizer if self.solver_ is None else type(self.solver_)
        is_ours = self.module is EmbeddingNN and steps.__module__.partition(".")[0] in ("sklearn_ncf", "torch")
        return nullcontext() if is_ours else global_generators_lent()

    def initialize_module(self):
        """As skorch's, but whatever the default dtype, ours are of float32, and nothing global draws the weights."""
        params = self.get_params_for("module")
        if self.module is EmbeddingNN:
            self.module_ = EmbeddingNN(**params, device="cpu", dtype=torch.float32)
        else:
            with replacing_global_generators():
                self.module_ = self.module(**params)
        return self

    def initialize_optimizer(self, *args, **kwargs):
        """As skorch's, but a row-wise optimizer gets row-wise gradients."""
        if self.optimizer is RowwiseAdamW:
            n_rows = of_network(self.module_, "n_table_rows")(self.module__n_ids)
            tables = mark_tables(self.module_, n_rows=n_rows)
            if not tables:
                raise ValueError(
                    f"optimizer='rowwise_adamw' needs a table of embeddings (nn.Embedding) whose rows are those that "
                    f"table_rows numbers, {n_rows}, and {type(self.module_).__name__} has none. Use "
                    "optimizer='adamw'."
                )
        return super().initialize_optimizer(*args, **kwargs)

    def raise_diverged(self, what: str):
        """Raise the error of a training that has gone astray."""
        raise FloatingPointError(
            f"{what} in epoch {len(self.history)}: most likely the learning rate ({self.lr}) is too high; lower "
            "learning_rate."
        )

    def finalize_epoch(self):
        """Bring tables up to date, and give ids without training rows what was learnt of the others."""
        if isinstance(self.optimizer_, RowwiseAdamW):
            self.optimizer_.flush()
        self._tell_history("end_epoch")
        if self.id_counts_ is not None:
            of_network(self.module_, "fill_untrained")(self.id_counts_, self.id_means_)


def _watches_batches(callback: Callback) -> bool:
    """Whether a callback has anything to do between the batches of an epoch."""
    if isinstance(callback, PassthroughScoring):
        return False  # asks for the mean over batches
    if isinstance(callback, LRScheduler) and callback.event_name is None:
        return callback.policy_ is ReduceLROnPlateau  # others ask for nothing but their turn after each step
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return any(getattr(type(callback), hook, None) is not getattr(Callback, hook) for hook in hooks)


def _criterion_params(plan: Plan) -> dict:
    """The net's parameters for its objective, which need not take a weight of positives."""
    params = {"criterion__scale": plan.scale}
    if weighs_positives(plan.objective):
        params["criterion__positive_weight"] = plan.positive_weight
    return params


def build_net(module: type[nn.Module], module_params: dict, plan: Plan, callbacks: list | None = None) -> NCFNet:
    """An initialized net; this thread's generators draw the weights."""
    ranks = issubclass(plan.objective, RankingObjective)
    quiet = {} if plan.verbose == 2 else {"callbacks__print_log": None}
    net = NCFNet(
        module,
        criterion=plan.objective,
        **_criterion_params(plan),
        lr=plan.learning_rate,
        batch_size=plan.batch_size,
        max_epochs=plan.max_epochs,
        iterator_train=BatchIterator,
        iterator_train__shuffle=True,
        iterator_valid=BatchIterator,
        iterator_valid__batch_size=LISTS_CHUNK_SIZE if ranks else PREDICTION_CHUNK,
        train_split=None,
        callbacks=callbacks,
        device=plan.device,
        verbose=int(plan.verbose == 2),
        **optimizer_params(plan, bias=bias_of(module, module_params)),
        **{f"module__{name}": value for name, value in module_params.items()},
        **quiet,
    )
    net.initialize()
    net.plan_ = plan
    if plan.solves:
        net.solver_ = plan.optimizer(plan)
    return net


def train(
    net: NCFNet,
    data: InteractionDataset,
    validation: InteractionDataset | None = None,
    *,
    id_counts: list[np.ndarray] | None = None,
    id_means: list[np.ndarray] | None = None,
    checkpoints: Checkpoints | None = None,
) -> None:
    """Train a net for its `max_epochs`, or until early stopping ends it, and restore the best epoch's weights.

    Where `checkpoints` have found a state, training resumes from there.

    `id_counts` says of each column's ids how many rows this or an earlier training has seen, `id_means` the mean rating
    of these rows: ids without any are given what is known of the others, unless the counts are `None`.
    A person's `KeyboardInterrupt` is raised again after that, when the net holds what was learned so far: it is then
    `finalized_`, unless another interrupt or an error has come in between.
    """
    net.id_counts_, net.id_means_ = (as_tensors(columns, net.device) for columns in (id_counts, id_means))
    if net.plan_.strengths is not None:
        net.shrinkage_ = Shrinkage(net.module_, net.optimizer_, net.id_counts_, net.plan_)
    net.set_params(train_split=None if validation is None else predefined_split(validation))
    is_settled = net.finalized_ = False
    state = None if checkpoints is None else checkpoints.state
    failed = True
    net.notify("on_train_begin", X=data, y=None)
    if state is not None:
        restore_training(net, state, checkpoints.source)
    if net.solver_ is None:  # a solver does the same in all processes
        net.shared_ = processes().shared_training(net)
    try:
        if not has_stopped(net):
            net.fit_loop(data, epochs=net.max_epochs - len(net.history))
        failed, is_settled = False, True
    except TrainingStopped:
        failed, is_settled = False, True
    except KeyboardInterrupt:
        if net.history and "dur" not in net.history[-1]:
            net.history.pop()  # an epoch that did not end
        net.finalize_epoch()
        is_settled = True
        raise
    finally:
        net.set_params(train_split=None)  # or the net would hold on to the validation part
        shared, net.shared_ = net.shared_, None
        if net.history:
            with suppress(Exception) if failed else nullcontext():  # or it would hide what failed
                net.notify("on_train_end", X=data, y=None)
        net._tell_history("end_training")
        if net.solver_ is not None:
            net.solver_.end_training()
        if net.shrinkage_ is not None:
            net.shrinkage_.end_training()
        net.shrinkage_ = None
        net.optimizer_.state.clear()  # several times the tables' memory, and no later training starts from it
        for parameter in net.module_.parameters():
            parameter.grad = None
        net.module_.eval()
        net.finalized_ = is_settled
    if shared is not None:
        shared.end()
    with torch.no_grad(), net.draws():
        scores = net.module_(data[:PREDICTION_CHUNK][0])
    if not scores.isfinite().all():  # the last step went too far
        net.raise_diverged("The predictions became infinite or NaN")


def as_tensors(columns: list[np.ndarray] | None, device: str) -> list[Tensor] | None:
    """Arrays as tensors on a device."""
    return None if columns is None else [torch.from_numpy(column).to(device) for column in columns]


def best_epoch_of(net: NCFNet) -> int:
    """The epoch whose weights the net has: the best one where there was a validation part, else the last."""
    stopping = dict(net.callbacks_).get(BEST_EPOCH)
    return len(net.history) if stopping is None else int(stopping.best_epoch_)


def history_of(net: NCFNet) -> pd.DataFrame:
    """One row an epoch: epoch, losses in rating units, learning rate, duration in seconds, callbacks' own numbers."""
    history = pd.DataFrame(net.history.to_list(), columns=None if net.history else ["epoch", "train_loss", "dur"])
    history = history.rename(columns={"dur": "duration"})
    first = ["epoch", "train_loss", "valid_loss", "learning_rate", "duration"]
    ours = ("batches", "train_batch_count", "valid_batch_count")
    others = [name for name in history.columns if name not in (*first, *ours) and not name.endswith("_best")]
    return history.reindex(columns=[*first, *others]).astype({"epoch": int, "valid_loss": float})
