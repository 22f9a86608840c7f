"""Answers in the caller's data frame: from pandas to the library that the ids came in."""

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from sklearn import get_config

from sklearn_ncf.encoding import narwhals_frame, narwhals_series
from sklearn_ncf.lists._id_arguments import PANDAS


def as_callers_frame(frame, *arguments):
    """A pandas DataFrame of ids as one of the library that the caller's arguments are from.

    Each of the `arguments` is a value that the caller gave, and the names of the frame's columns that hold ids of it.
    The first data frame or column among the values decides on the library, and these ids have the dtype that they have
    there, so that both tables can be joined. Without any, scikit-learn's ``set_config(transform_output="polars")``
    gives polars.
    """
    library, dtypes = None, {}
    for values, names in arguments:
        table, series = narwhals_frame(values), narwhals_series(values)
        if isinstance(values, PANDAS):
            library = library or nw.Implementation.PANDAS
        elif series is not None:
            library = library or series.implementation
            dtypes |= dict.fromkeys(names, series.dtype)
        elif table is not None:
            library = library or table.implementation
            schema = dict(table.schema)
            dtypes |= dict.fromkeys(names[:1], next(iter(schema.values())))  # of a table of one column with any name
            dtypes |= {name: schema[name] for name in names if name in schema}
    if library is None and get_config()["transform_output"] == "polars":
        library = nw.Implementation.POLARS
    if library is None or library.is_pandas_like():
        return frame
    columns = {name: _column(name, series, dtypes.get(name), library) for name, series in frame.items()}
    return nw.from_dict({name: column.to_native() for name, column in columns.items()}, backend=library).to_native()


def _column(name, series, dtype, library):
    """A Series of pandas as a column of another library, of a dtype of narwhals if one is given."""
    zone = getattr(series.dtype, "tz", None)
    if zone is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if series.dtype.kind in "mM" and series.dt.unit == "s":
        series = series.dt.as_unit("ms")  # polars has no seconds
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        values = series.to_numpy()
    else:
        values = [None if id_ is None or id_ is pd.NA or id_ != id_ else id_ for id_ in series.tolist()]
    is_string = isinstance(series.dtype, pd.StringDtype)
    try:
        column = nw.new_series(name, values, nw.String() if is_string else None, backend=library)
        if zone is not None:
            column = column.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
        return column if dtype is None else column.cast(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(
            f"The ids of column {name!r} cannot be a column of {library.value}: {str(error).splitlines()[0]}. Pass ids "
            "as a list, so that the answer is a DataFrame of pandas."
        ) from error
