"""Growth: what further rows say of their own ids is learned, and everything else stays as it is."""

import numpy as np
import torch

from sklearn_ncf._random import seeded_generators
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER
from sklearn_ncf.nn._network import of_network
from sklearn_ncf.nn._settings import default_settings
from sklearn_ncf.training import (
    Anchor,
    Plan,
    RankingObjective,
    Ratings,
    agreed_seed,
    as_tensors,
    build_net,
    is_solver,
    train,
)

BATCHES = 20  # an epoch, at least,
SMALLEST_BATCH = 32  # unless they would be smaller than this
SWEEPS = 3  # of least squares: further ones gain little


def grow(estimator, X, y, sample_weight, *, into):
    """Learn from further rows what they say of their own ids, and leave everything else as it is.

    `estimator` is a snapshot of `into`, which gets what is learned.

    What least squares fit is solved for; else the ids of the rows are trained in a network of their own.
    """
    encoder, rows, output, device = estimator._encoded(X, y, sample_weight, goes_on=True)
    prepare = _solve if is_solver(estimator._optimizer(encoder.n_features_in_)) else _train_part
    if issubclass(estimator._objective, RankingObjective):
        rows = _not_learned(estimator, rows)
        if not len(rows[0]):
            return into
    with (
        default_settings(),
        seeded_generators(estimator.random_state, device, seed=agreed_seed(estimator.random_state)),
    ):
        whole, seen, net, data, give_back = prepare(estimator, encoder, rows, output, device)

        def keep():
            give_back()
            whole.module_.fill_untrained(as_tensors(seen.counts, device), as_tensors(estimator._id_means(seen), device))
            whole.module_.eval()
            return estimator._keep(encoder, whole, seen, trained=net, into=into)

        try:
            train(net, data)
        except KeyboardInterrupt:
            if net.finalized_ and net.history:
                keep()
            raise
        return keep()


def _not_learned(estimator, rows):
    """The rows but for pairs that have been learned: again, they would only pull harder. A context makes a new row."""
    codes, *_ = rows
    new = ~estimator._seen.contain(codes)
    if codes.shape[1] > 2 or new.all():
        return rows
    return [None if column is None else column[new] for column in rows]


def _solve(estimator, encoder, rows, output, device):
    """Solve for the ids of the rows, each from all of its pairs, while all other ids stay as they are."""
    codes, y, weight = rows
    seen = estimator._seen.with_rows(*rows, n_ids_of(encoder), weighs_pairs=True)
    plan = estimator._plan(
        output,
        optimizer=estimator._optimizer(encoder.n_features_in_),
        batch_size=len(codes),
        n_rows=len(codes),
        max_epochs=SWEEPS,
        device=device,
    )
    whole = estimator._net(n_ids_of(encoder), output, plan)
    carry_over(estimator.net_.module_, whole.module_)
    ids = [np.unique(column) for column in codes.T]
    of_ids = np.isin(seen.pairs[:, USER], ids[USER]) | np.isin(seen.pairs[:, ITEM], ids[ITEM])
    pairs, of_pairs = as_tensors([seen.pairs[of_ids], seen.weights_of(of_ids)], device)
    whole.solver_.update(
        whole.module_,
        pairs.long(),
        of_pairs,
        ids=as_tensors(ids, device),
        known=as_tensors([np.flatnonzero(counts) - N_SPECIAL for counts in seen.counts], device),
        total=float(seen.weights_of(slice(None)).sum(dtype=np.float64)),
    )
    if issubclass(plan.objective, RankingObjective) and codes.shape[1] == 2:  # all that there is, not what is new alone
        codes, y, weight = seen.pairs, np.ones(len(seen.pairs)), seen.weights
    return whole, seen, whole, Ratings(codes, y, weight, device=device), lambda: None


def _train_part(estimator, encoder, rows, output, device):
    """Train the ids of the rows in a network of their own: its cost is that of the rows, not of the tables."""
    codes, y, sample_weight = rows
    seen = estimator._seen.with_rows(*rows, n_ids_of(encoder))
    not_trained = Plan(objective=estimator._objective, scale=output["output_scale"], device=device)
    whole = build_net(*estimator._module_and_params(n_ids_of(encoder), output), not_trained)
    carry_over(estimator.net_.module_, whole.module_)
    whole.module_.remember(torch.from_numpy(seen.pairs_not_in(estimator._seen)))
    taken, places = zip(*(np.unique(column, return_inverse=True) for column in codes.T), strict=True)
    ids = estimator._with_candidates(taken, seen)  # those that the rows name first
    n_now = [
        np.bincount(place, weights=sample_weight, minlength=len(column)).astype(np.float32)
        for place, column in zip(places, ids, strict=True)
    ]
    if sample_weight is not None:
        n_now = [counts / np.float32(sample_weight.mean()) for counts in n_now]
    n_before = [
        (counts[column + N_SPECIAL] - now).clip(min=0)
        for counts, column, now in zip(seen.counts, ids, n_now, strict=True)
    ]
    plan = estimator._plan(
        output,
        optimizer=estimator._optimizer(len(ids)),
        batch_size=min(estimator._batch_size(encoder._n_rows_seen), max(SMALLEST_BATCH, len(codes) // BATCHES)),
        n_rows=len(codes),
        max_epochs=estimator._params.max_epochs,
        schedule=estimator.learning_rate_schedule,
        learning_rate=estimator._params.learning_rate,
        weight_decay=None,
        device=device,
    )
    net = estimator._net([len(column) for column in ids], output, plan)
    net.module_.take_part(whole.module_, as_tensors(ids, device))
    net.penalty_ = Anchor(
        net.module_,
        as_tensors(n_before, device),
        as_tensors(n_now, device),
        objective=estimator._objective,
    )
    sampler = estimator._sampler(seen.part(ids), device)
    data = Ratings(np.stack(places, axis=1), y, sample_weight, device=device, sampler=sampler)
    return whole, seen, net, data, lambda: net.module_.give_back(whole.module_, as_tensors(taken, device))


def carry_over(learnt, module):
    """Copy what a module has learnt into one that may know more ids."""
    try:
        of_network(module, "copy_from")(learnt)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"The network cannot go on from the last fit, since its parameters have changed: {error} Fit anew with "
            "warm_start=False."
        ) from error


def n_ids_of(encoder):
    """How many ids each column has."""
    return [len(ids) for ids in encoder.categories_]
