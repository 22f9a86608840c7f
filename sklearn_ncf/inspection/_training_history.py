"""TrainingHistoryDisplay: how a training went, epoch by epoch."""

import numpy as np

from sklearn_ncf._sklearn_compat import check_matplotlib_support
from sklearn_ncf.inspection._free_space import place_legend
from sklearn_ncf.lists import unwrap

# Of matplotlib's style tableau-colorblind10: told apart by everybody, and seen on white and on black.
TRAINING, VALIDATION, LEARNING_RATE = "#006BA4", "#FF800E", "#898989"
HEIGHTS = {"loss": 4, "score": 3, "learning_rate": 1.2}  # of the panels, relative to one another
MARKED = 40  # epochs up to which each has a dot
PER_SEGMENT, POINTS_UPRIGHT = 20, 100  # points that stand for lines where the legend looks for free space


class TrainingHistoryDisplay:
    """Training history visualization.

    The loss of the training and validation part in each epoch; below it the validation score, where it chose the epoch,
    and the learning rate, each in a panel of its own. The epoch of the fitted weights is marked on the curve that
    chose it.

    It is recommended to use :meth:`from_estimator` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    history : DataFrame of shape (n_epochs, n_columns)
        A row an epoch, with columns `epoch` and `train_loss`; `valid_loss`, `valid_score` and `learning_rate` are
        drawn where they are there and hold numbers.

    best_epoch : int, default=None
        The epoch to mark. ``None``, or a history without a validation part, has no mark.

    loss_name, score_name : str, default="loss" and "score"
        What the curves measure.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel of the losses.

    axes_ : ndarray of shape (n_panels,)
        All panels, from top to bottom: loss, score, learning rate.

    figure_ : matplotlib Figure
        Figure that holds the panels.

    train_line_, valid_line_, score_line_, learning_rate_line_ : matplotlib Line2D or None
        The curves; None where there is nothing to draw.

    best_mark_ : matplotlib Line2D or None
        The mark of the best epoch on the curve that chose it.

    best_lines_ : list of matplotlib Line2D
        The best epoch's vertical line in each panel.

    See Also
    --------
    sklearn_ncf.NCFRegressor : Its ``history_`` holds the numbers.
    EmbeddingDisplay : A map of the users or items.

    Notes
    -----
    The training loss is measured while an epoch goes on, with dropout, the validation loss behind it and without, so
    that in early epochs the second may well be the lower one.

    Examples
    --------
    >>> from sklearn_ncf import NCFRegressor
    >>> from sklearn_ncf.datasets import make_ratings
    >>> from sklearn_ncf.inspection import TrainingHistoryDisplay
    >>> X, y = make_ratings(n_ratings=2000, random_state=0)
    >>> model = NCFRegressor(max_epochs=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingHistoryDisplay.from_estimator(model)
    >>> display.best_epoch == model.best_epoch_
    True
    """

    def __init__(self, *, history, best_epoch=None, loss_name="loss", score_name="score"):
        self.history = history
        self.best_epoch = best_epoch
        self.loss_name = loss_name
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, model, *, show_learning_rate=True, line_kw=None, ax=None):
        """Draw the training of a fitted model.

        Parameters
        ----------
        model : estimator or Pipeline
            A fitted :class:`~sklearn_ncf.NCFRegressor` or :class:`~sklearn_ncf.NCFRanker`, a Pipeline that ends in one,
            or a fitted search over one of these. After `partial_fit`, the history is that of the last call.

        show_learning_rate : bool, default=True
            Whether the learning rate has a panel.

        line_kw : dict, default=None
            Keyword arguments of matplotlib's `plot` for all curves.

        ax : matplotlib Axes or sequence of Axes, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            The object that holds what was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the model is not fitted.
        TypeError
            If it is no such model.
        ValueError
            As :meth:`plot`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        estimator = unwrap(model, needs_network=True).estimator
        display = cls(
            history=estimator.history_,
            best_epoch=estimator.best_epoch_,
            loss_name=estimator.loss.replace("_", " "),
            score_name=getattr(estimator, "scoring", "score").replace("_", " "),
        )
        return display.plot(ax, show_learning_rate=show_learning_rate, line_kw=line_kw)

    def plot(self, ax=None, *, show_learning_rate=True, line_kw=None):
        """Draw the history.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of Axes, default=None
            Where to draw. Axes of a grid of subplots become the panel of the losses, and make room for further panels
            below it; a sequence holds one for each panel. ``None`` makes a new figure.

        show_learning_rate : bool, default=True
            Whether the learning rate has a panel.

        line_kw : dict, default=None
            Keyword arguments of matplotlib's `plot` for all curves.

        Returns
        -------
        display : TrainingHistoryDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the history has no whole epoch, or `ax` has no room for all panels.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        if not self._has("train_loss"):
            raise ValueError(
                "history has no whole epoch, so that there is nothing to draw: training was cut off before."
            )
        has_score = self._has("valid_score")
        has_rate = show_learning_rate and self._has("learning_rate")
        drawn = {"loss": True, "score": has_score, "learning_rate": has_rate}
        names = [name for name in HEIGHTS if drawn[name]]
        self.axes_ = _panels(ax, [HEIGHTS[name] for name in names])
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        panels = dict(zip(names, self.axes_, strict=True))

        style = {"marker": "o" if len(self.history) <= MARKED else "", "markersize": 3} | (line_kw or {})
        self.train_line_ = self._line(panels["loss"], "train_loss", TRAINING, style | {"label": "training"})
        self.valid_line_ = self._line(panels["loss"], "valid_loss", VALIDATION, style | {"label": "validation"})
        self.score_line_ = self._line(panels.get("score"), "valid_score", VALIDATION, style)
        self.learning_rate_line_ = self._line(
            panels.get("learning_rate"), "learning_rate", LEARNING_RATE, style | {"marker": ""}
        )
        self._mark_best()

        panels["loss"].set_ylabel(self.loss_name)
        if has_score:
            panels["score"].set_title(f"validation {self.score_name}", loc="left", fontsize="medium")
            panels["score"].margins(y=0.15)  # a ring at the top stays whole
        if has_rate:
            highest = self.history["learning_rate"].max()
            panels["learning_rate"].set(ylim=(0, 1.15 * highest or 1), yticks=[0, highest])
            panels["learning_rate"].yaxis.set_major_formatter("{x:.2g}")
            panels["learning_rate"].set_title("learning rate", loc="left", fontsize="medium")
        self.axes_[-1].set_xlabel("epoch")
        self.axes_[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        lines = [line for line in (self.train_line_, self.valid_line_) if line is not None]
        handles = [*lines, *filter(None, [self.best_mark_])]
        legend = self.ax_.legend(handles, [handle.get_label() for handle in handles], loc="upper right")
        upright = _upright(self.ax_, self.best_epoch if self.best_lines_ else np.nan)
        place_legend(legend, np.concatenate([*map(_along, lines)]), grows="y", rather_not=upright)
        return self

    def _has(self, column):
        """Whether the history has numbers in a column."""
        return column in self.history and self.history[column].notna().any()

    def _line(self, ax, column, color, style):
        """The curve of a column, None where there is no panel or nothing to draw."""
        if ax is None or not self._has(column):
            return None
        (line,) = ax.plot(self.history["epoch"], self.history[column].astype(float), **{"color": color} | style)
        return line

    def _mark_best(self):
        """Mark the best epoch in all panels, with a ring on the curve that chose it."""
        from matplotlib import rcParams

        chosen_by = self.score_line_ or self.valid_line_
        self.best_mark_, self.best_lines_ = None, []
        if chosen_by is None or self.best_epoch not in self.history["epoch"].to_numpy():
            return
        style = {"color": rcParams["text.color"], "zorder": 3}
        for ax in self.axes_:
            self.best_lines_.append(ax.axvline(self.best_epoch, linestyle=":", linewidth=1, **style | {"zorder": 1}))
        value = chosen_by.get_ydata()[np.flatnonzero(self.history["epoch"] == self.best_epoch)[0]]
        (self.best_mark_,) = chosen_by.axes.plot(
            [self.best_epoch],
            [value],
            "o",
            markersize=9,
            fillstyle="none",
            markeredgewidth=1.5,
            label=f"best epoch: {self.best_epoch}",
            **style,
        )


def _panels(ax, heights):
    """Axes of the given relative heights, one below the other, in a new figure or in the place of given axes."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        _, axes = plt.subplots(len(heights), sharex=True, height_ratios=heights, layout="constrained", squeeze=False)
        return axes[:, 0]
    axes = np.ravel(np.array(ax, dtype=object))
    if len(axes) == len(heights):
        return axes
    if not isinstance(ax, Axes):
        raise ValueError(f"ax must be one Axes, or a sequence of {len(heights)}, one for each panel; got {len(axes)}.")
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"ax stands in no grid of subplots, so that it cannot be divided into {len(heights)} panels; give a "
            f"sequence of {len(heights)} axes."
        )
    hspace = 0.25 if ax.figure.get_layout_engine() is None else None  # a layout finds its own
    rows = place.subgridspec(len(heights), 1, height_ratios=heights, hspace=hspace)
    ax.set_subplotspec(rows[0])
    axes = np.array([ax, *(ax.figure.add_subplot(rows[row], sharex=ax) for row in range(1, len(heights)))])
    for upper in axes[:-1]:
        upper.tick_params(labelbottom=False)
    return axes


def _along(line):
    """Points along a curve, close to one another."""
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    rows = np.arange(len(x))
    between = np.linspace(0, len(x) - 1, PER_SEGMENT * len(x))
    return np.stack([np.interp(between, rows, x), np.interp(between, rows, y)], axis=1)


def _upright(ax, x):
    """Points along a vertical line from the bottom to the top of axes."""
    y = np.linspace(*ax.get_ylim(), POINTS_UPRIGHT)
    return np.stack([np.full(len(y), x), y], axis=1)
