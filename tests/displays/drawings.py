"""Where things lie in a drawing."""

import numpy as np
import pandas as pd


def history_of(**columns):
    """A made history."""
    n_epochs = len(next(iter(columns.values())))
    return pd.DataFrame({"epoch": np.arange(1, n_epochs + 1), **columns})


def pixels_of(line, n=400):
    """Points along a line, where they lie in the figure."""
    x, y = line.get_data()
    between = np.linspace(0, len(x) - 1, n)
    points = np.stack([np.interp(between, np.arange(len(x)), values) for values in (x, y)], axis=1)
    return line.axes.transData.transform(points)


def n_inside(pixels, box):
    return ((pixels >= box.min) & (pixels <= box.max)).all(axis=1).sum()


def settle(display):
    """Bring everything to where it is drawn."""
    display.figure_.draw_without_rendering()
