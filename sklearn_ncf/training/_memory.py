"""Whether training fits into memory, checked before anything is allocated."""

from collections.abc import Sequence
from itertools import pairwise

import psutil
import torch

BYTES = 4  # of a float32
OF_MOMENTS = 2  # tables as large as that of the embeddings, beside itself
OF_HISTORY = 6  # vectors, sums, two moments, and two sums of gradients
OF_A_DRAW = 8  # bytes of a negative, a float64
LEAST = 2**30  # bytes: less than this is not worth a look at what is free


def check_memory(
    n_rows: int,
    width: int,
    *,
    layer_sizes: Sequence[int] = (),
    has_moments: bool,
    use_history: bool,
    device: str,
) -> None:
    """Raise `MemoryError` where a network is sure not to fit.

    Its tables have `n_rows` rows of `width` numbers, and its layers the sizes given, the input's first.
    """
    needed = n_rows * width * BYTES * (1 + OF_MOMENTS * has_moments + OF_HISTORY * use_history)
    _refuse_more_than_free(
        needed,
        device,
        f"The table of embeddings has {n_rows:,} rows of {width:,} numbers. With what training keeps beside it, that",
        f"Lower embedding_dim, {'set use_history=False, ' if use_history else ''}or let rare ids share a vector with "
        "IdEncoder(min_frequency=...).",
    )
    n_weights = sum(n_in * n_out for n_in, n_out in pairwise(layer_sizes))
    _refuse_more_than_free(
        n_weights * BYTES * (1 + OF_MOMENTS * has_moments),
        device,
        f"The layers of hidden_layer_sizes={tuple(layer_sizes[1:])} have {n_weights:,} weights. With what training "
        "keeps beside them, that",
        "Lower hidden_layer_sizes.",
    )


def check_memory_of_negatives(n_rows: int, n_negatives: int, device: str | torch.device) -> None:
    """Raise `MemoryError` where the negatives of a batch are sure not to fit."""
    _refuse_more_than_free(
        n_rows * n_negatives * OF_A_DRAW,
        device,
        f"A batch has {n_rows:,} positives with n_negatives={n_negatives:,} each, which",
        "Lower n_negatives or batch_size.",
    )


def available_memory(device: str | torch.device) -> int:
    """Bytes that can still be allocated on a device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available + psutil.swap_memory().free


def _refuse_more_than_free(needed: int, device: str | torch.device, what: str, way_out: str) -> None:
    available = available_memory(device) if needed > LEAST else LEAST
    if needed > available:
        raise MemoryError(
            f"{what} takes at least {needed / 2**30:,.1f} GiB, but {available / 2**30:,.1f} GiB are free on {device}. "
            f"{way_out}"
        )
