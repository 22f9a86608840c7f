"""Features in a graph: what a row's features say of an unknown id, from an input for each column."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ncf.features import Block, Categories, NumberColumns, Numbers, ValueLists
from sklearn_ncf.nn import ITEM, USER


class FeatureInput(NamedTuple):
    """An input of the graph.

    place : the column of `X`; side : USER or ITEM
    shape : of a row, () but for blocks
    vocabulary : of a category, None of numbers
    """

    place: int
    side: int
    shape: tuple[int, ...]
    vocabulary: object


def feature_inputs(features, name_of, *, sides=(USER, ITEM)):
    """The inputs of all features; `ValueError` where a graph cannot take one. `name_of` names a column."""
    inputs = []
    for side, description in features.descriptions.items():
        if side not in sides:
            continue
        places = dict(zip(features.roles.feature_names(side), features.roles.features[side], strict=True))
        for columns, kind in description.kinds:
            if isinstance(kind, ValueLists):
                raise ValueError(
                    f"Column {name_of(places[columns])!r} holds several values in a cell, which a graph cannot take; "
                    "use predict, or fit again without it or with a column of zeros and ones for each value."
                )
            shape = (kind.width,) if type(kind) is Block else ()
            vocabulary = kind.vocabulary if isinstance(kind, Categories) else None
            for column in columns if isinstance(kind, NumberColumns) else [columns]:
                inputs.append(FeatureInput(places[column], side, shape, vocabulary))
    return inputs


class SideFeatures(nn.Module):
    """What the features of one side say, as a module."""

    def __init__(self, description):
        super().__init__()
        self.parts = nn.ModuleList(
            _module_of(kind, weights, of_missing) for _, kind, weights, of_missing in description.weights()
        )
        self.register_buffer("offset", _tensor(description.offset()))

    def forward(self, values: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Deviations of shape (n_rows, width + 1), from a tensor for each input, and which rows have any value."""
        values, total, known = list(values), self.offset, torch.zeros((), dtype=torch.bool)
        for part in self.parts:
            taken, values = values[: part.n_inputs], values[part.n_inputs :]
            of_part, missing = part(*taken)
            total, known = total + of_part, known | ~missing
        return total.float() * known.unsqueeze(1), known


class _Part(nn.Module):
    n_inputs = 1

    def __init__(self, weights, of_missing):
        super().__init__()
        self.register_buffer("weights", _tensor(weights))
        self.register_buffer("of_missing", _tensor(np.zeros(weights.shape[1]) if of_missing is None else of_missing))

    def with_missing(self, of_values: Tensor, missing: Tensor) -> tuple[Tensor, Tensor]:
        """What a part says, with what it says that the value is missing."""
        return of_values + missing.unsqueeze(1) * self.of_missing, missing


class _Category(_Part):
    """Codes, -1 for an unknown or missing one."""

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.cat([torch.zeros_like(self.weights[:1]), self.weights])
        return self.with_missing(rows[codes + 1], codes < 0)


class _Number(_Part):
    """Numbers, NaN for a missing one."""

    def __init__(self, kind, weights, of_missing):
        super().__init__(weights, of_missing)
        self.register_buffer("low", _tensor(kind.ends[:-1]))
        self.register_buffer("width", _tensor(np.diff(kind.ends)))
        self.register_buffer("fill", _tensor(kind.fill))

    def forward(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        missing = numbers.isnan()
        known = torch.where(missing, 0.0, numbers).unsqueeze(1)
        design = ((known - self.low) / self.width).clamp(0, 1)
        design = torch.where(missing.unsqueeze(1), self.fill, design)
        return self.with_missing(design @ self.weights, missing)


class _Block(_Part):
    """Numbers that belong together, as an input of several columns or as several inputs."""

    def __init__(self, kind, weights, of_missing):
        super().__init__(weights, of_missing)
        self.n_inputs = kind.width if isinstance(kind, NumberColumns) else 1
        self.register_buffer("center", _tensor(kind.center))
        self.register_buffer("scale", _tensor(np.broadcast_to(kind.scale, kind.center.shape)))

    def forward(self, *numbers: Tensor) -> tuple[Tensor, Tensor]:
        numbers = numbers[0] if len(numbers) == 1 else torch.stack(numbers, dim=1)
        numbers = numbers.double()
        missing = numbers.isnan()
        design = torch.where(missing, 0.0, (numbers - self.center) * self.scale)
        return self.with_missing(design @ self.weights, missing.all(dim=1))


def _module_of(kind, weights, of_missing):
    if isinstance(kind, Categories):
        return _Category(weights, of_missing)
    return _Number(kind, weights, of_missing) if isinstance(kind, Numbers) else _Block(kind, weights, of_missing)


def _tensor(array) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float64))
