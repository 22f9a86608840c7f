"""ExplanationDisplay: what added to one score, from large to small."""

from numbers import Integral

import numpy as np
import pandas as pd

from sklearn_ncf._sklearn_compat import check_matplotlib_support
from sklearn_ncf.encoding import as_objects
from sklearn_ncf.inspection._explain import COLUMNS, explain
from sklearn_ncf.inspection._ids import values_of_ids
from sklearn_ncf.inspection._labels import shortened

# Of matplotlib's style tableau-colorblind10.
RAISES, LOWERS, LINES = "#006BA4", "#FF800E", "#898989"
STARTS = ("mean rating", "intercept")  # kinds from which the bars set out
BAR_HEIGHT = 0.7
INCHES_PER_BAR, LEAST_HEIGHT = 0.3, 2.5
MARGINS = (0.05, 0.17)  # to the left of the bars, and to their right, where numbers stand


class ExplanationDisplay:
    """Explanation visualization.

    What added to one score, as bars that lead from the intercept to the score: each bar begins where the one above it
    ends. The interactions with the largest contributions have a bar each, all others share one.

    It is recommended to use :meth:`from_estimator` or :meth:`from_explanation` to create one. All parameters are stored
    as attributes.

    Parameters
    ----------
    kinds : array-like of shape (n_contributions,)
        Kind of each contribution, as in the result of :func:`explain`.

    contributions : array-like of shape (n_contributions,)
        The contributions, which sum to the score.

    labels : array-like of shape (n_contributions,), default=None
        What to call each of them, missing where its kind says it. ``None`` calls all by their kind.

    title : str, default=None
        Whose score it is.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    bars_ : matplotlib BarContainer
        The bars, from top to bottom.

    bar_names_ : list of str
        What they are.

    bar_values_ : ndarray of shape (n_bars,)
        Their contributions.

    start_line_, score_line_ : matplotlib Line2D
        Where the bars begin and end.

    See Also
    --------
    explain : The same as a table, for many scores.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRanker
    >>> from sklearn_ncf.inspection import ExplanationDisplay
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "film": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> model = NCFRanker(random_state=0).fit(X)
    >>> display = ExplanationDisplay.from_estimator(model, pd.DataFrame({"user": ["ann"], "film": ["Dune"]}))
    >>> display.bar_names_
    ['Alien', 'Bambi', 'average user', 'remainder']
    """

    def __init__(self, *, kinds, contributions, labels=None, title=None):
        self.kinds = kinds
        self.contributions = contributions
        self.labels = labels
        self.title = title

    @classmethod
    def from_estimator(cls, model, X, *, row=0, labels=None, n_largest=10, bar_kw=None, ax=None):
        """Draw what added to a score of a fitted model.

        Parameters
        ----------
        model : estimator or Pipeline
            As in :func:`explain`.

        X : table or array-like of shape (n_samples, n_features)
            Raw ids, in the columns of `fit`.

        row : int, default=0
            The row of `X` whose score to draw.

        labels : mapping, Series or array-like, default=None
            String for each item, as in :meth:`from_explanation`.

        n_largest : int, default=10
            Interactions with a bar each: those whose contributions are largest, whatever their sign.

        bar_kw : dict, default=None
            Keyword arguments of matplotlib's `barh`.

        ax : matplotlib Axes, default=None
            Where to draw. ``None`` makes a new figure.

        Returns
        -------
        display : ExplanationDisplay
            The object that holds what was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError, TypeError, ValueError
            As :func:`explain` and :meth:`from_explanation`.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        return cls.from_explanation(
            explain(model, X), row=row, labels=labels, n_largest=n_largest, bar_kw=bar_kw, ax=ax
        )

    @classmethod
    def from_explanation(cls, explanation, *, row=0, labels=None, n_largest=10, bar_kw=None, ax=None):
        """Draw what added to a score that has been explained.

        Parameters
        ----------
        explanation : DataFrame
            What :func:`explain` returned, with all contributions to the score.

        row : int, default=0
            The number of the score in the column `row`.

        labels : mapping or Series, default=None
            String for each item: from raw id to string, or a Series or a DataFrame of one column by its index, such as
            titles. Items that are not in it are called by their ids. ``None`` calls all so.

        n_largest : int, default=10
            Interactions with a bar each: those whose contributions are largest, whatever their sign.

        bar_kw : dict, default=None
            Keyword arguments of matplotlib's `barh`.

        ax : matplotlib Axes, default=None
            Where to draw. ``None`` makes a new figure.

        Returns
        -------
        display : ExplanationDisplay
            The object that holds what was drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `explanation` has no such row or not the columns of an explanation, or `n_largest` is negative.
        """
        check_matplotlib_support(f"{cls.__name__}.from_explanation")
        missing = [name for name in COLUMNS if name not in explanation]
        if missing:
            raise ValueError(f"explanation must be what explain returned; it has no column {missing[0]!r}.")
        of_row = explanation[explanation["row"] == row]
        if not len(of_row):
            raise ValueError(f"row={row!r} is none of the rows that were explained; see the column 'row'.")
        user, item = of_row.columns[1:3]
        is_interaction = (of_row["kind"] == "interaction").to_numpy()
        sources = as_objects([*of_row["source"].tolist(), of_row[item].iloc[0]])
        names = sources.copy()
        if labels is not None:
            is_item = np.append(is_interaction, True) & pd.notna(sources)
            found = values_of_ids(labels, sources[is_item], "labels").to_numpy(dtype=object)
            names[is_item] = np.where(pd.isna(found), sources[is_item], found)
        kinds = of_row["kind"].to_numpy()
        described = [
            name if is_id or pd.isna(name) else f"{kind}: {name}"
            for name, kind, is_id in zip(names[:-1], kinds, is_interaction, strict=True)
        ]
        display = cls(
            kinds=kinds,
            contributions=of_row["contribution"].to_numpy(),
            labels=described,
            title=f"{user} {of_row[user].iloc[0]}, {item} {shortened(names[-1])}",
        )
        return display.plot(ax, n_largest=n_largest, bar_kw=bar_kw)

    def plot(self, ax=None, *, n_largest=10, bar_kw=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. ``None`` makes a new figure.

        n_largest : int, default=10
            Interactions with a bar each: those whose contributions are largest, whatever their sign.

        bar_kw : dict, default=None
            Keyword arguments of matplotlib's `barh`.

        Returns
        -------
        display : ExplanationDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `n_largest` is negative.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if not isinstance(n_largest, Integral) or n_largest < 0:
            raise ValueError(f"n_largest must be 0 or a larger integer; got {n_largest!r}.")
        start, self.bar_names_, self.bar_values_ = self._bars(int(n_largest))
        n_bars = len(self.bar_names_)
        if ax is None:
            height = max(LEAST_HEIGHT, INCHES_PER_BAR * (n_bars + 4))
            _, ax = plt.subplots(figsize=(6.4, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ends = start + np.cumsum(self.bar_values_)
        score = ends[-1] if n_bars else start
        style = {"height": BAR_HEIGHT, "color": np.where(self.bar_values_ < 0, LOWERS, RAISES)}
        places = np.arange(n_bars)
        self.bars_ = ax.barh(places, self.bar_values_, left=ends - self.bar_values_, **style | (bar_kw or {}))
        # From the end of each bar to the beginning of the next one.
        ax.vlines(ends[:-1], places[:-1] + BAR_HEIGHT / 2, places[1:] - BAR_HEIGHT / 2, color=LINES, linewidth=0.8)
        self.start_line_ = ax.axvline(start, color=LINES, linewidth=0.8, linestyle=":", zorder=0)
        self.score_line_ = ax.axvline(score, color=LINES, linewidth=0.8, zorder=0)
        digits = _digits(self.bar_values_)
        for place, value, end in zip(places, self.bar_values_, ends, strict=True):
            text = f"{round(value, digits) + 0.0:+.{digits}f}"
            right = max(end, end - value), place
            ax.annotate(text, right, (3, 0), textcoords="offset points", va="center", fontsize="small")
        ax.set_yticks(places, [shortened(name) for name in self.bar_names_], parse_math=False)
        ax.set_ylim(max(n_bars, 1) - 0.4, -0.6)
        low, high = min(start, score, *ends), max(start, score, *ends)
        size = high - low or 1.0
        ax.set_xlim(low - MARGINS[0] * size, high + MARGINS[1] * size)
        ax.set_xlabel(f"score: {score:.3g}" + (f", from an intercept of {start:.3g}" if start else ""))
        if self.title is not None:
            ax.set_title(self.title, parse_math=False, loc="left", fontsize="medium")
        return self

    def _bars(self, n_largest):
        """Where the bars begin, their names and their contributions."""
        kinds, values = np.asarray(self.kinds), np.asarray(self.contributions, dtype=float)
        labels = kinds if self.labels is None else np.asarray(as_objects(list(self.labels)))
        labels = np.where(pd.isna(labels), kinds, labels)
        starts = np.isin(kinds, STARTS)
        interactions = np.flatnonzero(kinds == "interaction")
        by_size = interactions[np.argsort(-np.abs(values[interactions]), kind="stable")]
        shown, rest = np.sort(by_size[:n_largest]), by_size[n_largest:]
        bars = [(str(labels[row]), values[row]) for row in np.flatnonzero(~starts & (kinds != "interaction"))]
        n_before = np.count_nonzero(~starts[: interactions[0]]) if len(interactions) else 0
        of_interactions = [(str(labels[row]), values[row]) for row in shown]
        if len(rest):
            further = "other interactions" if len(rest) > 1 else "other interaction"
            of_interactions.append((f"{len(rest)} {further}", values[rest].sum()))
        bars[n_before:n_before] = of_interactions
        names, contributions = zip(*bars, strict=True) if bars else ((), ())
        return values[starts].sum(), list(names), np.array(contributions, dtype=float)


def _digits(values):
    """Digits behind the point that tell values apart."""
    largest = np.abs(values).max(initial=0)
    return 2 if not largest else int(np.clip(2 - np.floor(np.log10(largest)), 0, 12))
