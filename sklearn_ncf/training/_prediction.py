"""Scores of rows of codes from a trained net."""

from collections.abc import Callable

import numpy as np
import torch

from sklearn_ncf.nn import Shifts, default_settings, score_shifted
from sklearn_ncf.training._net import PREDICTION_CHUNK, NCFNet


@default_settings()
def predict_ratings(net: NCFNet, codes: np.ndarray, shifts_of: Callable[[slice], Shifts] | None = None) -> np.ndarray:
    """Predict in chunks, without dropout: codes of shape (n_rows, n_columns) to float32 of shape (n_rows,).

    `shifts_of` gives the shifts of a slice of the rows, see `GridScorer`.
    """
    ratings = np.empty(len(codes), dtype=np.float32)
    net.module_.eval()
    for start in range(0, len(codes), PREDICTION_CHUNK):
        rows = slice(start, start + PREDICTION_CHUNK)
        of_rows = torch.from_numpy(codes[rows]).to(net.device)
        shifts = shifts_of(rows) if shifts_of is not None else None
        with torch.no_grad(), net.draws():
            scores = score_shifted(net.module_, of_rows, shifts) if shifts else net.module_(of_rows)
            ratings[rows] = scores.float().cpu().numpy()
    return ratings
