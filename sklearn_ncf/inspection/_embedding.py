"""EmbeddingDisplay: a map of the users or items of a fitted model."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA

from sklearn_ncf._sklearn_compat import check_matplotlib_support
from sklearn_ncf.encoding import MISSING, as_objects
from sklearn_ncf.inspection._free_space import equalize_units, place_labels, place_legend
from sklearn_ncf.inspection._ids import values_of_ids
from sklearn_ncf.inspection._labels import as_line, shortened
from sklearn_ncf.lists import PANDAS, PipelineIdMapper, read_ids
from sklearn_ncf.nn import ITEM, USER

COLUMNS = {"user": USER, "item": ITEM}
# The colours of matplotlib's style tableau-colorblind10, each with a shape of its own; grey is for all the rest.
CATEGORY_STYLES = {"#006BA4": "o", "#FF800E": "^", "#5F9ED1": "s", "#C85200": "D", "#A2C8EC": "v", "#FFBC79": "P"}
REST = "#898989"
POINTS_OF_ALL, POINT_SIZES = 12_000, (6, 36)  # area of all points together and of one, in square points
LEGEND_MARKER = 6  # points, however small those of the map are
CANDIDATES = 25  # ids that compete for each label
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")  # as pandas calls what objects are


class EmbeddingDisplay:
    """Embedding visualization.

    A map of a model's users or items: their vectors projected onto a plane, so that those whom the model takes for
    similar lie near one another. The labels are those of the ids with the most training rows, as far as they find
    room.

    It is recommended to use :meth:`from_estimator` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    ids : array-like of shape (n_ids,)
        Raw ids.

    positions : ndarray of shape (n_ids, 2)
        Where each of them lies.

    n_rows : ndarray of shape (n_ids,), default=None
        Training rows of each id; who has the most is labelled first. ``None`` is the order of `ids`.

    labels : array-like of shape (n_ids,), default=None
        Text for each id, missing where it has none. ``None`` is the ids.

    color : array-like of shape (n_ids,), default=None
        Number or category of each id, missing where there is none.

    color_name : str, default=None
        What `color` is.

    axis_names : pair of str, default=None
        What the two axes are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the map.

    figure_ : matplotlib Figure
        Figure that holds the axes.

    scatters_ : list of matplotlib PathCollection
        The points: one collection, with categories one for each in the order of the legend.

    texts_ : list of matplotlib Text
        The labels.

    labelled_ : ndarray of shape (n_texts,)
        Positions among `ids` of those that have a label.

    rings_ : matplotlib Line2D
        The rings around the points that have a label.

    colorbar_ : matplotlib Colorbar or None
        Of numbers.

    legend_ : matplotlib Legend or None
        Of categories.

    See Also
    --------
    sklearn_ncf.similar_items : The items nearest to a given one, in all dimensions.
    TrainingHistoryDisplay : How the training went.

    Notes
    -----
    Two dimensions cannot show all that the vectors hold; the axes of the default projection say how much of their
    variance they do. Ids with few training rows have short vectors, and lie in the middle.

    The room for labels is found at the size that the figure has when it is drawn.

    Examples
    --------
    >>> from sklearn_ncf import NCFRegressor
    >>> from sklearn_ncf.datasets import make_ratings
    >>> from sklearn_ncf.inspection import EmbeddingDisplay
    >>> X, y = make_ratings(n_ratings=2000, random_state=0)
    >>> model = NCFRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> display = EmbeddingDisplay.from_estimator(model, color=y.groupby(X["item"]).mean(), n_labels=5)
    >>> display.positions.shape
    (50, 2)
    """

    def __init__(self, *, ids, positions, n_rows=None, labels=None, color=None, color_name=None, axis_names=None):
        self.ids = ids
        self.positions = positions
        self.n_rows = n_rows
        self.labels = labels
        self.color = color
        self.color_name = color_name
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls,
        model,
        *,
        which="item",
        ids=None,
        labels=None,
        color=None,
        projection=None,
        n_labels=20,
        cmap="viridis",
        scatter_kw=None,
        text_kw=None,
        ax=None,
    ):
        """Draw the map of a fitted model's items or users.

        Parameters
        ----------
        model : estimator or Pipeline
            As in :func:`~sklearn_ncf.recommend`; its network must have a table of embeddings.

        which : {"item", "user"}, default="item"
            Whose vectors to draw.

        ids : id or collection of ids, default=None
            Raw ids seen in `fit` to draw, such as those with many ratings, in any form that
            :func:`~sklearn_ncf.recommend` takes. ``None`` is all of them, in the order of ``encoder_.categories_``.

        labels : mapping, Series or array-like of shape (n_ids,), default=None
            String for each id: from raw id to string, a Series or a DataFrame of one column by its index, or an array,
            a list or another column in the order of `ids`. Ids that are not in it have no label. ``None`` writes the
            raw ids.

        color : mapping, Series or array-like of shape (n_ids,), default=None
            Number or category of each id, given as `labels` are. Numbers get a colour bar, categories, such as strings
            and booleans, a legend of the six most frequent ones. The name of a Series becomes the title.

        projection : transformer, default=None
            Takes the vectors to two dimensions: anything with scikit-learn's `fit_transform`, such as ``TSNE()``, which
            is cloned. ``None`` is :class:`~sklearn.decomposition.PCA`.

        n_labels : int, default=20
            Labels at most; fewer where they would overlap.

        cmap : str or matplotlib Colormap, default="viridis"
            Of numbers.

        scatter_kw, text_kw : dict, default=None
            Keyword arguments of matplotlib's `scatter`, and of the labels' `annotate`.

        ax : matplotlib Axes, default=None
            Where to draw. ``None`` makes a new figure.

        Returns
        -------
        display : EmbeddingDisplay
            The object that holds what was drawn.

        Raises
        ------
        AttributeError
            If a network of your own has no table of embeddings.
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the model is not fitted.
        TypeError
            If it is no such model, or a step of a Pipeline after :class:`~sklearn_ncf.IdEncoder` cannot be undone.
        ValueError
            If a parameter is out of its range, an id was not seen in `fit`, or labels or colours do not fit the ids.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if which not in COLUMNS:
            raise ValueError(f"which must be 'item' or 'user'; got {which!r}.")
        raw_ids, column = PipelineIdMapper(model, needs_network=True), COLUMNS[which]
        if ids is None:
            ids, codes = raw_ids.all_named(column)
        else:
            ids, codes = raw_ids.known(column, ids, "ids", "that they lie nowhere")
        if not len(ids):
            raise ValueError(
                f"There is no {which} to draw, since all of fit are missing or infrequent; lower min_frequency of the "
                "encoder and fit again."
            )
        vectors = getattr(raw_ids.estimator, f"{which}_embeddings_")[codes]
        positions, axis_names = _projected(vectors, projection)
        display = cls(
            ids=ids,
            positions=positions,
            n_rows=raw_ids.fitted.seen.n_rows_of(column, codes),
            labels=None if labels is None else values_of_ids(labels, ids, "labels"),
            color=None if color is None else values_of_ids(color, ids, "color"),
            color_name=getattr(color, "name", None),
            axis_names=axis_names,
        )
        return display.plot(ax, n_labels=n_labels, cmap=cmap, scatter_kw=scatter_kw, text_kw=text_kw)

    def plot(self, ax=None, *, n_labels=20, cmap="viridis", scatter_kw=None, text_kw=None):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. ``None`` makes a new figure.

        n_labels : int, default=20
            Labels at most; fewer where they would overlap.

        cmap : str or matplotlib Colormap, default="viridis"
            Of numbers.

        scatter_kw, text_kw : dict, default=None
            Keyword arguments of matplotlib's `scatter`, and of the labels' `annotate`.

        Returns
        -------
        display : EmbeddingDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `n_labels` is negative.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if not isinstance(n_labels, Integral) or n_labels < 0:
            raise ValueError(f"n_labels must be 0 or a larger integer; got {n_labels!r}.")
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.colorbar_ = self.legend_ = None
        size = np.clip(POINTS_OF_ALL / len(self.positions), *POINT_SIZES)
        style = {"s": size, "alpha": 0.8, "linewidths": 0.3, "edgecolors": REST} | (scatter_kw or {})
        color = None if self.color is None else _as_values(self.color)
        if color is None:
            plain = {} if "c" in style else {"color": next(iter(CATEGORY_STYLES))}
            self.scatters_ = [ax.scatter(*self.positions.T, **plain | style)]
        elif _are_numbers(color):
            self._draw_numbers(color.to_numpy(dtype=float, na_value=np.nan), cmap, style)
        else:
            self._draw_categories(color, style)

        ax.set(xticks=[], yticks=[])
        if self.axis_names is not None:
            ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        equalize_units(ax)
        if self.legend_ is not None:
            place_legend(self.legend_, self.positions, grows="x")
            equalize_units(ax)
        self._label(int(n_labels), np.sqrt(np.max(style["s"])) / 2, text_kw)
        return self

    def _draw_numbers(self, numbers, cmap, style):
        """Draw the points in the colours of a bar, in grey where there is no number."""
        import matplotlib

        cmap = matplotlib.colormaps.get_cmap(cmap).with_extremes(bad=REST)
        scatter = self.ax_.scatter(*self.positions.T, plotnonfinite=True, **{"c": numbers, "cmap": cmap} | style)
        self.scatters_ = [scatter]
        self.colorbar_ = self.figure_.colorbar(scatter, ax=self.ax_, label=self.color_name or "")

    def _draw_categories(self, categories, style):
        """Draw each category in its colour and shape, the most frequent first; the rest below all others."""
        names, positions = read_ids(categories.to_numpy(dtype=object), "color")
        counts = np.bincount(positions[positions != MISSING], minlength=len(names))
        frequent = np.argsort(-counts, kind="stable")[: len(CATEGORY_STYLES)]
        looks = list(CATEGORY_STYLES.items())[: len(frequent)]
        groups = [(as_line(names[j]), positions == j, *look) for j, look in zip(frequent, looks, strict=True)]
        rest = ~np.isin(positions, frequent)
        if rest.any():
            groups.append((_name_of_rest(names, positions[rest]), rest, REST, "."))
        self.scatters_ = [
            self.ax_.scatter(
                *self.positions[rows].T,
                **{"color": color, "marker": marker, "zorder": 0.9 if rows is rest else 1} | style,
            )
            for _, rows, color, marker in groups
        ]
        self.legend_ = self.ax_.legend(
            self.scatters_,
            ["?"] * len(groups),  # not the names: old versions leave out those that begin with an underscore
            title=self.color_name,
            loc="upper right",  # place_legend moves it; the best place, of many points, takes seconds to find
            fontsize="small",
            markerscale=LEGEND_MARKER / np.sqrt(np.max(style["s"])),
        )
        for text, (name, *_) in zip(self.legend_.get_texts(), groups, strict=True):
            text.set(text=name, parse_math=False)

    def _label(self, n_labels, radius, text_kw):
        """Label the ids with the most training rows, and put a ring around each."""
        from matplotlib import rcParams

        labels = np.asarray(self.ids if self.labels is None else self.labels, dtype=object)
        order = np.arange(len(labels)) if self.n_rows is None else np.argsort(-np.asarray(self.n_rows), kind="stable")
        order = order[pd.notna(labels)[order]][: CANDIDATES * n_labels]
        self.texts_, rows = place_labels(
            self.ax_,
            self.positions[order],
            [shortened(label) for label in labels[order]],
            n_labels,
            radius=radius + 1,
            blocked=[] if self.legend_ is None else [self.legend_.get_window_extent()],
            text_kw=text_kw,
        )
        self.labelled_ = order[rows]
        (self.rings_,) = self.ax_.plot(
            *self.positions[self.labelled_].T,
            "o",
            fillstyle="none",
            markersize=2 * radius + 2,
            markeredgewidth=1,
            color=rcParams["text.color"],
        )


def _projected(vectors, projection):
    """Vectors on a plane, and the names of its axes."""
    if projection is None:
        if min(vectors.shape) < 2:
            raise ValueError(
                f"A map takes two ids and two components or more; there are vectors of shape {vectors.shape}. Raise "
                "embedding_dim, or draw more ids."
            )
        projection = PCA(2, svd_solver="covariance_eigh")  # exact, and without random numbers
    else:
        projection = clone(projection, safe=False)
    positions = np.asarray(projection.fit_transform(vectors))
    if positions.shape != (len(vectors), 2):
        raise ValueError(
            f"projection must give two columns, n_components=2; {type(projection).__name__} gave shape "
            f"{positions.shape} for {len(vectors)} ids."
        )
    shares = getattr(projection, "explained_variance_ratio_", None)
    if shares is None:
        return positions, [f"{type(projection).__name__} {number}" for number in (1, 2)]
    return positions, [f"component {number} ({share:.0%} of the variance)" for number, share in enumerate(shares, 1)]


def _as_values(color):
    """Numbers or categories as a Series of their own dtype, as objects where they have none."""
    if isinstance(color, pd.Series):
        return color.reset_index(drop=True)
    if isinstance(color, PANDAS) or (isinstance(color, np.ndarray) and color.dtype.kind in "iufb"):
        return pd.Series(color)
    return pd.Series(as_objects(list(color)), dtype=object)


def _are_numbers(color):
    """Whether all values of a Series, missing ones aside, are numbers and not booleans."""
    if color.dtype == object:
        return pd.api.types.infer_dtype(color, skipna=True) in NUMBERS
    return pd.api.types.is_numeric_dtype(color) and not pd.api.types.is_bool_dtype(color)


def _name_of_rest(names, positions):
    """How the legend calls the points without a colour of their own, by the positions of their names."""
    known = np.unique(positions[positions != MISSING])
    if not len(known):
        return "missing"
    return as_line(names[known[0]]) if len(known) == 1 and (positions != MISSING).all() else "other"
