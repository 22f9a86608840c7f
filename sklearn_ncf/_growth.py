"""Growth: what further rows say of their own ids is learnt, and all else stays as it is."""

import numpy as np
import torch

from sklearn_ncf._random import seeded_torch
from sklearn_ncf.nn import N_SPECIAL
from sklearn_ncf.training import Anchor, Ratings, agreed_seed, as_tensors, build_net, train

BATCHES = 20  # an epoch, at least,
SMALLEST_BATCH = 32  # unless they would be smaller than this


def grow(estimator, X, y, sample_weight, *, into):
    """Learn from further rows what they say of their own ids, and leave all else as it is.

    `estimator` is a snapshot of `into`, which gets what is learned.

    The ids of the rows are trained in a network of their own: its cost is that of the rows, not of the tables.
    """
    encoder, (codes, y, sample_weight), output, device = estimator._encoded(X, y, sample_weight, goes_on=True)
    seen = estimator._seen.with_rows(codes, y, sample_weight, n_ids_of(encoder))
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
    batch_size = min(estimator._batch_size(encoder._n_rows_seen), max(SMALLEST_BATCH, len(codes) // BATCHES))
    with seeded_torch(estimator.random_state, device, seed=agreed_seed(estimator.random_state)):
        whole = build_net(
            *estimator._module_and_params(n_ids_of(encoder), output),
            loss=estimator.loss,
            loss_scale=output["output_scale"],
            ranks=estimator._ranks,
            device=device,
        )
        carry_over(estimator.net_.module_, whole.module_)
        whole.module_.remember(torch.from_numpy(seen.pairs_not_in(estimator._seen)))
        net = estimator._net(
            [len(column) for column in ids],
            output,
            batch_size=batch_size,
            n_rows=len(codes),
            max_epochs=estimator.max_epochs,
            schedule=estimator.learning_rate_schedule,
            learning_rate=estimator.learning_rate,
            weight_decay=None,
            device=device,
            grows=True,
        )
        net.module_.take_part(whole.module_, as_tensors(ids, device))
        net.penalty_ = Anchor(net.module_, as_tensors(n_before, device), as_tensors(n_now, device))

        def keep():
            net.module_.give_back(whole.module_, as_tensors(taken, device))
            whole.module_.fill_untrained(as_tensors(seen.counts, device), as_tensors(estimator._id_means(seen), device))
            whole.module_.eval()
            return estimator._keep(encoder, whole, seen, trained=net, into=into)

        try:
            sampler = estimator._sampler(seen.part(ids), device)
            train(net, Ratings(np.stack(places, axis=1), y, sample_weight, device=device, sampler=sampler))
        except KeyboardInterrupt:
            if net.finalized_ and net.history:
                keep()
            raise
        return keep()


def carry_over(learnt, module):
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


def n_ids_of(encoder):
    """How many ids each column has."""
    return [len(ids) for ids in encoder.categories_]
