"""EmbeddingDisplay: a map of the users or items of a fitted model."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_ncf._raw_ids import RawIds, as_series
from sklearn_ncf.inspection._free_space import equalize_units, place_labels, place_legend
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER

COLUMNS = {"user": USER, "item": ITEM}
# The colours of matplotlib's style tableau-colorblind10, each with a shape of its own; grey is for all the rest.
CATEGORY_STYLES = {"#006BA4": "o", "#FF800E": "^", "#5F9ED1": "s", "#C85200": "D", "#A2C8EC": "v", "#FFBC79": "P"}
REST = "#898989"
LONGEST_LABEL = 28  # characters


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
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_ncf import NCFRegressor
    >>> from sklearn_ncf.datasets import make_ratings
    >>> from sklearn_ncf.inspection import EmbeddingDisplay
    >>> X, y = make_ratings(n_ratings=2000, random_state=0)
    >>> model = NCFRegressor(random_state=0).fit(X, y)
    >>> display = EmbeddingDisplay.from_estimator(model, color=y.groupby(X["item"]).mean(), n_labels=5)
    >>> display.positions.shape
    (50, 2)
    >>> plt.show()
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

        ids : array-like of shape (n_ids,), default=None
            Raw ids seen in `fit` to draw, such as those with many ratings. ``None`` is all of them, in the order of
            ``encoder_.categories_``.

        labels : mapping, Series or array-like of shape (n_ids,), default=None
            Text for each id: from raw id to text, a Series by its index, or an array in the order of `ids`. Ids that
            are not in it have no label. ``None`` writes the raw ids.

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
            If it is no such model, or a step of a Pipeline has no `inverse_transform`.
        ValueError
            If a parameter is out of its range, an id was not seen in `fit`, or labels or colours do not fit the ids.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if which not in COLUMNS:
            raise ValueError(f"which must be 'item' or 'user'; got {which!r}.")
        raw_ids, column = RawIds(model), COLUMNS[which]
        ids, codes = _ids_and_codes(raw_ids, column, ids)
        vectors = getattr(raw_ids.estimator, f"{which}_embeddings_")[codes]
        positions, axis_names = _projected(vectors, projection)
        display = cls(
            ids=ids.to_numpy(),
            positions=positions,
            n_rows=raw_ids.estimator._seen.counts[column][codes + N_SPECIAL],
            labels=None if labels is None else _of_ids(labels, ids, "labels"),
            color=None if color is None else _of_ids(color, ids, "color"),
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

        if n_labels < 0:
            raise ValueError(f"n_labels must be 0 or more; got {n_labels}.")
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.colorbar_ = self.legend_ = None
        size = float(np.clip(12_000 / len(self.positions), 6, 36))
        style = {"s": size, "alpha": 0.8, "linewidths": 0.3, "edgecolors": REST} | (scatter_kw or {})
        color = None if self.color is None else pd.Series(self.color).infer_objects()
        if color is None:
            self.scatters_ = [ax.scatter(*self.positions.T, **{"color": next(iter(CATEGORY_STYLES))} | style)]
        elif pd.api.types.is_numeric_dtype(color) and not pd.api.types.is_bool_dtype(color):
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
        self._label(n_labels, np.sqrt(size) / 2, text_kw)
        return self

    def _draw_numbers(self, numbers, cmap, style):
        """Draw the points in the colours of a bar, in grey where there is no number."""
        import matplotlib

        cmap = matplotlib.colormaps.get_cmap(cmap).with_extremes(bad=REST)
        scatter = self.ax_.scatter(*self.positions.T, c=numbers, cmap=cmap, plotnonfinite=True, **style)
        self.scatters_ = [scatter]
        self.colorbar_ = self.figure_.colorbar(scatter, ax=self.ax_, label=self.color_name or "")

    def _draw_categories(self, categories, style):
        """Draw each category in its colour and shape, the most frequent first; the rest below all others."""
        names = categories.value_counts().index[: len(CATEGORY_STYLES)]
        groups = [(str(name), categories == name, *look) for name, look in zip(names, CATEGORY_STYLES.items())]
        rest = ~categories.isin(names)
        others = categories[rest].unique()
        name = str(others[0]) if len(others) == 1 and pd.notna(others[0]) else "other"
        if rest.any():
            groups.append((name, rest, REST, "."))
        self.scatters_ = [
            self.ax_.scatter(
                *self.positions[rows.to_numpy(dtype=bool)].T,
                **{"color": color, "marker": marker, "zorder": 0.9 if rows is rest else 1} | style,
            )
            for _, rows, color, marker in groups
        ]
        self.legend_ = self.ax_.legend(
            self.scatters_, [name for name, *_ in groups], title=self.color_name, fontsize="small"
        )
        for text in self.legend_.get_texts():
            text.set_parse_math(False)

    def _label(self, n_labels, radius, text_kw):
        """Label the ids with the most training rows, and put a ring around each."""
        from matplotlib import rcParams

        n_ids = len(self.positions)
        order = np.arange(n_ids) if self.n_rows is None else np.argsort(-np.asarray(self.n_rows), kind="stable")
        labels = np.asarray(self.ids if self.labels is None else self.labels, dtype=object)[order]
        self.texts_, rows = place_labels(
            self.ax_,
            self.positions[order],
            [_shortened(label) for label in labels],
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


def _ids_and_codes(raw_ids, column, ids):
    """Raw ids to draw, and their codes in the estimator."""
    if ids is None:
        codes = np.arange(len(raw_ids.estimator.encoder_.categories_[column]))
        raw = raw_ids.raw(column, codes)
        named = raw.notna().to_numpy()
        return raw[named], codes[named]
    ids = as_series(ids, "ids").drop_duplicates()
    codes = raw_ids.codes({column: ids}, warns=False)[:, column]
    if (codes < 0).any():
        unknown = ids[codes < 0]
        shown = ", ".join(map(repr, unknown[:5].tolist())) + (", ..." if len(unknown) > 5 else "")
        raise ValueError(f"ids holds {len(unknown)} ids that were not seen in fit, so that they lie nowhere: {shown}.")
    return ids, codes


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


def _of_ids(values, ids, name):
    """What a mapping, a Series or an array says of each id, as a Series in the order of the ids."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise TypeError(f"{name} must be a mapping, a Series or an array of one for each id; got {values!r}.")
    if not isinstance(values, Mapping | pd.Series):
        if len(values) != len(ids):
            raise ValueError(f"{name} must hold one for each of the {len(ids)} ids; got {len(values)}.")
        return pd.Series(values)
    if isinstance(values, pd.Series):
        if not values.index.is_unique:
            repeated = values.index[values.index.duplicated()][0]
            raise ValueError(f"{name}, a Series, must hold each id once in its index; {repeated!r} is there more often.")
        found = values.reindex(ids)
    else:
        found = pd.Series([values.get(id_) for id_ in ids.tolist()])
    if found.isna().all():
        raise ValueError(
            f"{name} knows none of the {len(ids)} ids, such as {ids.iloc[0]!r}: its keys, of a Series its index, must "
            "be raw ids."
        )
    return found.reset_index(drop=True)


def _shortened(label):
    """A label as one line of readable length, empty where it is missing."""
    if pd.isna(label):
        return ""
    text = " ".join(str(label).split())
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1].rstrip() + "…"
