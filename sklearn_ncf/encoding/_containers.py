"""From whatever tables and columns come in to arrays and data frames in this process's memory."""

from collections.abc import Mapping, Set
from importlib.util import find_spec

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import torch
from scipy.sparse import issparse


def narwhals_frame(values):
    """The view that narwhals has of a data frame of another library than pandas, None of anything else."""
    is_frame = _has_arrow(values) and nw.dependencies.is_into_dataframe(values)
    return nw.from_native(values, eager_only=True) if is_frame else None


def narwhals_series(values):
    """The view that narwhals has of a column of another library than pandas, None of anything else."""
    is_series = _has_arrow(values) and nw.dependencies.is_into_series(values)
    return nw.from_native(values, series_only=True) if is_series else None


def as_local(values, name):
    """Tensors as numpy arrays, lazy tables and streams of Arrow as data frames, all else as it is.

    scikit-learn's own checks would hand tensors back under `array_api_dispatch`.

    Raises `TypeError` or `ValueError` where `values`, the argument `name`, cannot be a table or a column.
    """
    if isinstance(values, torch.Tensor):
        return _from_torch(values, name)
    if issparse(values):  # which scikit-learn's checks refuse
        return values
    module = type(values).__module__.partition(".")[0]
    if module.startswith("dask") and hasattr(values, "compute"):
        return values.compute()
    if module == "polars" and hasattr(values, "collect"):
        return values.collect()
    if _has_arrow(values) and narwhals_frame(values) is None and narwhals_series(values) is None:
        return nw.from_arrow(values, backend="pyarrow" if find_spec("pyarrow") else "polars").to_native()
    is_array = hasattr(values, "__array__")
    if isinstance(values, memoryview) or (is_array and not hasattr(values, "__getitem__")):  # which has no rows to take
        return np.asarray(values)
    if module != "numpy" and hasattr(values, "__array_namespace__"):
        return np.asarray(values)
    if not (is_array or hasattr(values, "__len__") or hasattr(values, "shape")) or isinstance(
        values, str | bytes | Mapping | Set
    ):
        raise TypeError(
            f"{name} must be a data frame, an array or a list; got {type(values).__name__}. Convert it, for instance "
            "with pandas.DataFrame or list."
        )
    if getattr(values, "shape", None) == ():
        raise ValueError(f"{name} must be a data frame, an array or a list; got one value, {values!r}.")
    if isinstance(values, np.ndarray) and values.dtype.names is not None:
        raise ValueError(f"{name} is a structured array; pass pandas.DataFrame({name}), or the fields that are needed.")
    return values


def as_numbers(values, name, what="values"):
    """Numbers in any container as an array of numbers, missing ones as NaN.

    Sparse and complex ones stay what they are: scikit-learn's checks, which follow, refuse them.
    """
    values = as_local(values, name)
    if issparse(values) or isinstance(values, np.matrix):
        return values
    if np.ma.is_masked(values):
        raise ValueError(f"{name} holds masked {what}, which are missing; remove these rows.")
    try:
        array = np.asarray(values)
        if array.dtype == object:
            array = np.where(pd.isna(array), np.nan, array)
        if array.dtype.kind in "mM":
            raise TypeError(f"it holds {array.dtype}")
        return array if array.dtype.kind in "biufc" else array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{name} must hold numbers: {str(error).rstrip('.')}. Convert them to integers or floats."
        ) from error


def _has_arrow(values):
    """Whether something that is not of pandas gives a table or a column of Arrow."""
    return hasattr(values, "__arrow_c_stream__") and not isinstance(values, pd.DataFrame | pd.Series | type)


def _from_torch(tensor, name):
    if tensor.is_meta:
        raise ValueError(f"{name} is a tensor on the meta device, which holds no values; pass one that does.")
    tensor = tensor.detach().to_dense().cpu()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()  # numpy has no bfloat16
    return tensor.resolve_conj().resolve_neg().numpy()
