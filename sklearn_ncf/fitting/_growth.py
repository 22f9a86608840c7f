"""Incremental learning: what further rows say of their own ids is learned, and everything else stays as it is."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from sklearn_ncf._encoder import n_rows_seen
from sklearn_ncf._random import seeded_generators
from sklearn_ncf.interactions import Interactions, Seen
from sklearn_ncf.nn import N_SPECIAL, default_settings, drawing_no_tables, of_network
from sklearn_ncf.training import Anchor, FoldIn, InteractionDataset, Plan, as_tensors, processes, train

BATCHES = 20  # per epoch, at least,
SMALLEST_BATCH = 32  # unless they would be smaller than this
SWEEPS = 3  # of least squares, and of ridge regressions: further ones gain little


class Growth(NamedTuple):
    """A network with the ids of further rows, and the training that learns them.

    whole : the net of all ids; trained : the net that is trained on the `dataset`, for some ids or the same
    seen : what is seen then; taken : codes of the ids that `trained` has first, None where it is `whole`
    """

    whole: object
    trained: object
    dataset: InteractionDataset
    seen: Seen
    taken: list[torch.Tensor] | None = None

    def finish(self, id_means):
        """Write what was trained into the whole network, and make it ready for predictions."""
        module, device = self.whole.module_, self.whole.device
        if self.taken is not None:
            self.trained.module_.write_back(module, self.taken)
        module.fill_untrained(as_tensors(self.seen.counts, device), as_tensors(id_means, device))
        module.eval()


def grow(data, learned, settings, keep):
    """Learn from further rows what they say of their own ids, and leave everything else as it is.

    What a solver fits is solved for; else the ids of the rows are trained in a network of their own.

    data : `TrainingData` of the rows; learned : `FittedModel` of the last fit
    keep : called with the net, what is seen and the net that was trained, when there is something to keep
    """
    if settings.ranks:
        data = data._replace(interactions=_not_learned(data.interactions, learned.seen))
        if not len(data.interactions):
            return
    prepare = _part_to_train if settings.solver(len(data.n_ids)) is None else _ids_to_solve
    seed = processes().agreed_seed(settings.random_state)
    with default_settings(), seeded_generators(settings.random_state, data.device, seed=seed):
        growth = prepare(data, learned, settings)

        def finish():
            growth.finish(settings.id_means(growth.seen))
            if growth.taken is None:  # solved for from scratch
                solved = [np.unique(column[column >= 0]) for column in data.interactions.codes.T]
                data.features.draw(growth.whole.module_, growth.seen, solved)
            keep(growth.whole, growth.seen, growth.trained)

        try:
            train(growth.trained, growth.dataset)
        except KeyboardInterrupt:
            if growth.trained.finalized_ and growth.trained.history:
                finish()
            raise
        finish()


def _not_learned(rows, seen):
    """The rows but for pairs that have been learned: again, they would only pull harder. A context makes a new row."""
    new = ~seen.contain(rows.codes)
    return rows if rows.n_columns > 2 or new.all() else rows.take(new)


def _ids_to_solve(data, learned, settings):
    """Solve for the ids of the rows, each from all of its pairs, while all other ids stay as they are."""
    rows, device = data.interactions, data.device
    seen = learned.seen.with_rows(rows, data.n_ids, weighs_pairs=True)
    plan = replace(settings.plan(data, data.n_ids, len(rows), batch_size=len(rows)), max_epochs=SWEEPS)
    with drawing_no_tables():
        whole = settings.net(data.n_ids, data.output, plan)
    copy_weights(learned.net.module_, whole.module_)
    ids = [np.unique(column) for column in rows.codes.T]
    pairs = Interactions(seen.pairs, np.ones(len(seen.pairs)), seen.weights)
    whole.solver_.update(whole.module_, pairs, ids)
    if settings.ranks and rows.n_columns == 2:  # all that there is, not what is new alone
        rows = pairs
    return Growth(whole, whole, InteractionDataset(rows, device=device), seen)


def _part_to_train(data, learned, settings):
    """Train the ids of the rows in a network of their own: its cost is that of the rows, not of the tables."""
    rows, device, weights = data.interactions, data.device, data.interactions.weights
    seen = learned.seen.with_rows(rows, data.n_ids)
    strengths = learned.net.plan_.strengths
    not_trained = Plan(
        objective=settings.objective, scale=data.output["output_scale"], strengths=strengths, device=device
    )
    with drawing_no_tables():
        whole = settings.bare_net(data.n_ids, data.output, not_trained)
    copy_weights(learned.net.module_, whole.module_)
    n_known = [len(counts) - N_SPECIAL for counts in learned.seen.counts]
    new = [np.arange(known, n) for known, n in zip(n_known, data.n_ids, strict=True)]
    data.features.draw(whole.module_, seen, new)  # from the unknown id's vector, which they have so far
    whole.module_.add_interactions(torch.from_numpy(seen.pairs_not_in(learned.seen)))
    taken, places = zip(*(np.unique(column, return_inverse=True) for column in rows.codes.T), strict=True)
    ids = settings.with_candidates(taken, seen)  # those that the rows name first
    n_now = [
        np.bincount(place, weights=weights, minlength=len(column)).astype(np.float32)
        for place, column in zip(places, ids, strict=True)
    ]
    if weights is not None:
        n_now = [counts / np.float32(weights.mean()) for counts in n_now]
    n_before = [
        (counts[column + N_SPECIAL] - now).clip(min=0)
        for counts, column, now in zip(seen.counts, ids, n_now, strict=True)
    ]
    n_ids = [len(column) for column in ids]
    largest_batch = settings.auto_batch_size(n_rows_seen(data.encoder))
    batch_size = min(largest_batch, max(SMALLEST_BATCH, len(rows) // BATCHES))
    plan = settings.changed(weight_decay=None).plan(data, n_ids, len(rows), batch_size=batch_size)
    folds_in = isinstance(settings.architecture, str) and FoldIn.supports(settings.network, {}, settings.objective)
    if folds_in:
        plan = replace(plan, optimizer=FoldIn, max_epochs=min(settings.max_epochs, SWEEPS))
    with drawing_no_tables():
        part = settings.net(n_ids, data.output, plan)
    part.module_.load_subset(whole.module_, as_tensors(ids, device))
    before, now = as_tensors(n_before, device), as_tensors(n_now, device)
    anchor = Anchor(part.module_, before, now, objective=settings.objective, strengths=strengths)
    if folds_in:
        part.solver_.anchor = anchor
    else:
        part.penalty_ = anchor
    dataset = InteractionDataset(
        Interactions(np.stack(places, axis=1), rows.targets, weights),
        device=device,
        sampler=settings.sampler(seen.part(ids), device),
    )
    return Growth(whole, part, dataset, seen, as_tensors(taken, device))


def copy_weights(learned, module):
    """Copy what a module has learned into one that may know more ids."""
    try:
        of_network(module, "copy_from")(learned)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"The network cannot go on from the last fit, since its parameters have changed: {error} Fit anew with "
            "warm_start=False."
        ) from error
