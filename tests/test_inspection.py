"""Displays of a training and of embeddings: what they draw, and that it can be read."""

import pickle
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.inspection import EmbeddingDisplay, TrainingHistoryDisplay


@pytest.fixture(autouse=True)
def _figures():
    """Figures in memory alone, and none left behind."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def models(ratings):
    """Fitted models: without a validation part, with one, and ranking with a score and with a loss."""
    X, y = ratings
    params = {"embedding_dim": 8, "max_epochs": 6, "random_state": 0, "device": "cpu"}
    given = {"X_val": X[1800:]}
    return {
        "plain": NCFRegressor(**params).fit(X, y),
        "validated": NCFRegressor(early_stopping=True, patience=2, **params).fit(X, y),
        "scored": NCFRanker(loss="bce", scoring="ndcg", **params).fit(X[:1800], **given),
        "ranked": NCFRanker(loss="bpr", **params).fit(X[:1800], **given),
    }


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


# TrainingHistoryDisplay


def test_lines_are_those_of_the_history(models):
    model = models["validated"]
    display = TrainingHistoryDisplay.from_estimator(model)
    for line, column in (
        (display.train_line_, "train_loss"),
        (display.valid_line_, "valid_loss"),
        (display.learning_rate_line_, "learning_rate"),
    ):
        np.testing.assert_array_equal(line.get_xdata(), model.history_["epoch"])
        np.testing.assert_array_equal(line.get_ydata(), model.history_[column])
    assert display.score_line_ is None
    assert display.train_line_.axes is display.valid_line_.axes is display.ax_
    assert display.learning_rate_line_.axes is display.axes_[-1] is not display.ax_
    assert (display.ax_.get_ylabel(), display.axes_[-1].get_xlabel()) == ("squared error", "epoch")
    assert display.figure_ is display.ax_.figure


def test_best_epoch_is_marked_on_the_validation_loss(models):
    model = models["validated"]
    display = TrainingHistoryDisplay.from_estimator(model)
    best = model.history_["valid_loss"].min()
    assert display.best_epoch == model.best_epoch_
    assert [*map(float, display.best_mark_.get_xdata())] == [model.best_epoch_]
    assert [*map(float, display.best_mark_.get_ydata())] == [best]
    assert display.best_mark_.axes is display.ax_
    assert [line.axes for line in display.best_lines_] == list(display.axes_)
    assert all(line.get_xdata()[0] == model.best_epoch_ for line in display.best_lines_)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["training", "validation", f"best epoch: {model.best_epoch_}"]


def test_without_validation_nothing_is_called_best(models):
    display = TrainingHistoryDisplay.from_estimator(models["plain"])
    assert display.valid_line_ is display.score_line_ is display.best_mark_ is None
    assert display.best_lines_ == []
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["training"]


def test_score_that_chose_the_epoch_has_a_panel_and_the_mark(models):
    model = models["scored"]
    display = TrainingHistoryDisplay.from_estimator(model)
    loss, score, rate = display.axes_
    np.testing.assert_array_equal(display.score_line_.get_ydata(), model.history_["valid_score"])
    assert display.score_line_.axes is display.best_mark_.axes is score
    assert display.best_mark_.get_ydata()[0] == model.history_["valid_score"].max()
    assert (display.valid_line_.axes, display.learning_rate_line_.axes) == (loss, rate)
    assert [ax.get_title("left") for ax in display.axes_] == ["", "validation ndcg", "learning rate"]
    assert len(display.best_lines_) == 3


def test_loss_that_chose_the_epoch_of_a_ranker_is_marked(models):
    display = TrainingHistoryDisplay.from_estimator(models["ranked"])
    assert display.best_mark_.get_ydata()[0] == models["ranked"].history_["valid_loss"].min()
    assert display.ax_.get_ylabel() == "bpr"


def test_model_in_a_pipeline_in_a_search_or_from_a_pickle(quick, ratings):
    X, y = ratings
    pipe = make_pipeline(IdEncoder(), quick())
    search = GridSearchCV(pipe, {"ncfregressor__embedding_dim": [4]}, cv=2).fit(X, y)
    expected = search.best_estimator_[-1].history_["train_loss"]
    for model in (search, search.best_estimator_, pickle.loads(pickle.dumps(search))):
        display = TrainingHistoryDisplay.from_estimator(model)
        np.testing.assert_array_equal(display.train_line_.get_ydata(), expected)


def test_history_asks_nothing_of_the_steps_before(quick, ratings):
    pipe = make_pipeline(FunctionTransformer(), quick()).fit(*ratings)
    assert TrainingHistoryDisplay.from_estimator(pipe).history is pipe[-1].history_


def test_models_without_a_history_are_refused(quick):
    for display in (TrainingHistoryDisplay, EmbeddingDisplay):
        with pytest.raises(NotFittedError):
            display.from_estimator(quick())
        with pytest.raises(TypeError, match="got Ridge"):
            display.from_estimator(Ridge())
    for train_loss in ([], [np.nan]):
        with pytest.raises(ValueError, match="history has no whole epoch"):
            TrainingHistoryDisplay(history=history_of(train_loss=train_loss, learning_rate=train_loss)).plot()


def test_learning_rate_can_be_left_out(models):
    display = TrainingHistoryDisplay.from_estimator(models["validated"], show_learning_rate=False)
    assert display.learning_rate_line_ is None
    assert list(display.axes_) == [display.ax_]
    assert display.ax_.get_xlabel() == "epoch"


def test_what_is_not_there_is_not_drawn():
    history = history_of(train_loss=[2.0, 1.0], learning_rate=[np.nan, np.nan])
    display = TrainingHistoryDisplay(history=history, best_epoch=2).plot()
    assert list(display.axes_) == [display.ax_]
    assert display.best_mark_ is None


def test_epoch_that_was_cut_off_leaves_a_gap():
    history = history_of(train_loss=[2, 1, np.nan], valid_loss=[2, 1, np.nan], learning_rate=[0.1, 0.2, np.nan])
    display = TrainingHistoryDisplay(history=history, best_epoch=2).plot()
    settle(display)
    assert display.best_mark_.get_ydata()[0] == 1
    assert display.axes_[-1].get_yticks().tolist() == [0, 0.2]
    assert n_inside(pixels_of(display.train_line_), display.ax_.get_legend().get_window_extent()) == 0


def test_one_epoch_can_be_seen():
    display = TrainingHistoryDisplay(history=history_of(train_loss=[2.0], learning_rate=[0.0])).plot()
    assert display.train_line_.get_marker() == "o"
    display = TrainingHistoryDisplay(history=history_of(train_loss=np.ones(100)), loss_name="error").plot()
    assert display.train_line_.get_marker() == ""
    assert display.ax_.get_ylabel() == "error"


def test_line_kw_reach_all_curves(models):
    display = TrainingHistoryDisplay.from_estimator(models["scored"], line_kw={"linewidth": 3, "color": "red"})
    for line in (display.train_line_, display.valid_line_, display.score_line_, display.learning_rate_line_):
        assert (line.get_linewidth(), line.get_color()) == (3, "red")


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_given_axes_make_room_for_the_panels(models, layout):
    figure, (left, right) = plt.subplots(1, 2, layout=layout)
    display = TrainingHistoryDisplay.from_estimator(models["scored"], ax=right)
    assert (display.ax_, display.figure_) == (right, figure)
    settle(display)
    boxes = [ax.get_position() for ax in display.axes_]
    assert all(left.get_position().x1 < box.x0 < box.x1 <= 1 for box in boxes)
    assert all(1 >= upper.y0 > lower.y1 > 0 for upper, lower in pairwise(boxes))
    display.ax_.set_xlim(2, 3)
    assert {ax.get_xlim() for ax in display.axes_} == {(2, 3)}


def test_axes_can_be_given_for_each_panel(models):
    _, axes = plt.subplots(3)
    display = TrainingHistoryDisplay.from_estimator(models["scored"], ax=axes)
    assert list(display.axes_) == list(axes)
    assert display.plot(display.axes_) is display
    with pytest.raises(ValueError, match="a sequence of 2, one for each panel; got 3"):
        TrainingHistoryDisplay.from_estimator(models["plain"], ax=axes)


def test_axes_outside_a_grid_cannot_be_divided(models):
    ax = plt.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match="divided into 2 panels; give a sequence of 2 axes"):
        TrainingHistoryDisplay.from_estimator(models["plain"], ax=ax)
    assert TrainingHistoryDisplay.from_estimator(models["plain"], ax=ax, show_learning_rate=False).ax_ is ax


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        (np.linspace(2, 1, 9), np.linspace(1.5, 1.2, 9)),  # the upper right corner is free
        (np.linspace(1, 2, 9), np.linspace(1, 2, 9)),
        (np.tile([1.0, 2.0], 20), np.linspace(1, 2, 40)),  # no corner is
        (np.tile([1e-3, 1e3], 20), np.linspace(1, 2, 40)),
    ],
)
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_legend_of_losses_hides_none_of_the_curves(train, valid, scale):
    _, ax = plt.subplots(layout="constrained")
    ax.set_yscale(scale)
    display = TrainingHistoryDisplay(history=history_of(train_loss=train, valid_loss=valid), best_epoch=2).plot(ax)
    settle(display)
    box = display.ax_.get_legend().get_window_extent()
    assert display.ax_.get_yscale() == scale
    for line in (display.train_line_, display.valid_line_, display.best_mark_):
        pixels = pixels_of(line)
        assert n_inside(pixels, box) == 0
        assert n_inside(pixels, display.ax_.get_window_extent()) == len(pixels)


def test_legend_larger_than_its_axes_crops_no_curve():
    history = history_of(train_loss=[1.0, 2.0, 1.0, 2.0], valid_loss=[2.0, 1.0, 2.0, 1.0])
    _, ax = plt.subplots(figsize=(2, 0.8))
    display = TrainingHistoryDisplay(history=history, best_epoch=2).plot(ax)
    settle(display)
    for line in (display.train_line_, display.valid_line_):
        pixels = pixels_of(line)
        assert n_inside(pixels, display.ax_.get_window_extent()) == len(pixels)


# EmbeddingDisplay


@pytest.fixture(scope="module")
def plain(models):
    return models["plain"]


def pipeline_of_texts(quick, ratings):
    """A Pipeline whose raw ids are texts, and of which infrequent ones have no vector of their own."""
    X, y = ratings
    X = X.assign(item="film " + X["item"].astype(str), user="user " + X["user"].astype(str))
    rare = pd.DataFrame({"user": ["user 1"], "item": ["rare"]})
    pipe = make_pipeline(IdEncoder(min_frequency=2), quick())
    return pipe.fit(pd.concat([X, rare]), np.append(y, 3.0))


@pytest.mark.parametrize("which", ["item", "user"])
def test_positions_are_the_two_leading_components(plain, which):
    display = EmbeddingDisplay.from_estimator(plain, which=which)
    vectors = getattr(plain, f"{which}_embeddings_").astype(float)
    u, s, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(display.positions), np.abs(u[:, :2] * s[:2]), atol=1e-4)
    np.testing.assert_array_equal(display.ids, plain.encoder_.categories_[["user", "item"].index(which)])
    np.testing.assert_allclose(display.scatters_[0].get_offsets(), display.positions)
    assert display.ax_.get_xlabel() == f"component 1 ({s[0] ** 2 / (s**2).sum():.0%} of the variance)"
    assert display.figure_ is display.ax_.figure


def test_two_drawings_are_the_same(plain):
    first, second = (EmbeddingDisplay.from_estimator(plain) for _ in range(2))
    np.testing.assert_array_equal(first.positions, second.positions)
    assert [text.get_text() for text in first.texts_] == [text.get_text() for text in second.texts_]


@pytest.mark.parametrize("which", ["item", "user"])
def test_raw_ids_are_named_through_a_pipeline(quick, ratings, which):
    pipe = pipeline_of_texts(quick, ratings)
    display = EmbeddingDisplay.from_estimator(pipe, which=which, n_labels=3)
    column = ["user", "item"].index(which)
    assert sorted(display.ids) == sorted(pipe[0].categories_[column])
    assert "rare" not in display.ids
    assert {text.get_text() for text in display.texts_} <= set(display.ids)
    by_itself = EmbeddingDisplay.from_estimator(pipe[-1], which=which, ids=pipe[-1].encoder_.categories_[column])
    moved = by_itself.positions if which == "user" else by_itself.positions[1:]  # the pooled ones, -1, are left out
    assert len(display.positions) == len(moved)


def test_ids_can_be_chosen(plain, ratings):
    X, _ = ratings
    chosen = X["item"].value_counts().index[:15]
    display = EmbeddingDisplay.from_estimator(plain, ids=chosen, color=np.arange(15))
    np.testing.assert_array_equal(display.ids, chosen)
    vectors = plain.item_embeddings_[plain.encoder_.transform(X.assign(item=chosen[0]))[0, 1]]
    of_first = PCA(2).fit(plain.item_embeddings_[np.searchsorted(plain.encoder_.categories_[1], chosen)])
    np.testing.assert_allclose(np.abs(of_first.transform([vectors])[0]), np.abs(display.positions[0]), atol=1e-4)
    with pytest.raises(ValueError, match="ids holds 1 ids that were not seen in fit, so that they lie nowhere: -7"):
        EmbeddingDisplay.from_estimator(plain, ids=[-7, chosen[0]])


def test_ids_with_the_most_rows_are_labelled(plain, ratings):
    X, _ = ratings
    counts = X["item"].value_counts()
    display = EmbeddingDisplay.from_estimator(plain, n_labels=1)
    np.testing.assert_array_equal(display.n_rows, counts.loc[display.ids])
    labelled = display.ids[display.labelled_]
    assert counts[labelled[0]] == counts.max()
    assert [text.get_text() for text in display.texts_] == [str(labelled[0])]
    assert display.texts_[0].xy == pytest.approx(display.positions[display.labelled_][0])
    np.testing.assert_array_equal(np.stack(display.rings_.get_data(), axis=1), display.positions[display.labelled_])


@pytest.mark.parametrize("n_labels", [5, 40])
@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("colored", [False, True])
def test_labels_overlap_neither_one_another_nor_the_frame_nor_the_legend(plain, n_labels, layout, colored):
    _, ax = plt.subplots(figsize=(5, 4), layout=layout)
    labels = [f"film number {id_} with a name" for id_ in plain.encoder_.categories_[1]]
    color = [f"kind {id_ % 9}" for id_ in plain.encoder_.categories_[1]] if colored else None
    display = EmbeddingDisplay.from_estimator(plain, labels=labels, color=color, n_labels=n_labels, ax=ax)
    settle(display)
    boxes = [text.get_window_extent() for text in display.texts_]
    assert len(boxes) == len(display.labelled_) <= n_labels
    assert len(boxes) >= 5
    blocked = [*boxes, display.legend_.get_window_extent()] if colored else boxes
    assert all(box.count_overlaps(blocked) == 1 for box in boxes)  # itself
    frame = ax.get_window_extent()
    assert all((box.min >= frame.min).all() and (box.max <= frame.max).all() for box in boxes)
    if colored:
        assert n_inside(ax.transData.transform(display.positions), blocked[-1]) == 0


@pytest.mark.parametrize("height", [0.01, 0.7, 100])
def test_distances_are_the_same_along_both_axes(height):
    positions = np.random.RandomState(0).normal(size=(50, 2)) * [1, height]
    display = EmbeddingDisplay(ids=np.arange(50), positions=positions, color=["a", "b"] * 25).plot()
    settle(display)
    pixels = display.ax_.transData.transform([[0, 0], [1, 0], [0, 1]])
    assert np.linalg.norm(pixels[1] - pixels[0]) == pytest.approx(np.linalg.norm(pixels[2] - pixels[0]), rel=0.01)
    assert n_inside(display.ax_.transData.transform(positions), display.ax_.get_window_extent()) == 50


def test_displays_fit_into_a_part_of_a_figure(plain, models):
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    history = TrainingHistoryDisplay.from_estimator(models["scored"], ax=left.add_subplot())
    embedding = EmbeddingDisplay.from_estimator(plain, color=np.arange(40), ax=right.add_subplot())
    assert (history.figure_, embedding.figure_) == (left, right)
    assert all(ax.get_figure() is left for ax in history.axes_)
    assert embedding.texts_


def test_legend_of_a_full_map_hides_no_point():
    rng = np.random.RandomState(0)
    for n_ids in (10, 2000):
        positions = rng.uniform(size=(n_ids, 2))
        display = EmbeddingDisplay(ids=np.arange(n_ids), positions=positions, color=rng.choice(list("abc"), n_ids))
        settle(display.plot())
        box = display.legend_.get_window_extent()
        pixels = display.ax_.transData.transform(positions)
        assert n_inside(pixels, box) == 0
        assert n_inside(pixels, display.ax_.get_window_extent()) == n_ids


def as_mapping(ids, values):
    return dict(zip(ids.tolist(), values, strict=True))


def as_index(ids, values):
    return pd.Series(values, index=ids)[::-1]


def as_table_column(ids, values):
    return pd.Series(values, index=pd.Index(ids, dtype="Int64"))


def as_array(ids, values):
    return np.asarray(values)


def as_list(ids, values):
    return list(values)


def as_polars(ids, values):
    return pl.Series(values)


FORMS = [as_mapping, as_index, as_table_column, as_array, as_list, as_polars]


@pytest.mark.parametrize("form", FORMS)
def test_labels_and_colours_come_in_any_form(plain, form):
    ids = plain.encoder_.categories_[1]
    labels = form(ids, [f"film {id_}" for id_ in ids])
    color = form(ids, (ids * 0.5).tolist())
    display = EmbeddingDisplay.from_estimator(plain, labels=labels, color=color, n_labels=5)
    assert [text.get_text() for text in display.texts_] == [f"film {id_}" for id_ in display.ids[display.labelled_]]
    np.testing.assert_allclose(display.scatters_[0].get_array(), ids * 0.5)
    assert display.legend_ is None


def test_ids_without_a_label_have_none(plain, ratings):
    X, _ = ratings
    ids = X["item"].value_counts().index
    labels = {ids[3]: "the third", ids[5]: None, ids[6]: "", ids[7]: pd.NA}
    display = EmbeddingDisplay.from_estimator(plain, labels=labels)
    assert [text.get_text() for text in display.texts_] == ["the third"]
    display = EmbeddingDisplay.from_estimator(plain, labels={ids[-1]: "the last"}, n_labels=1)
    assert [text.get_text() for text in display.texts_] == ["the last"]


def test_labels_are_written_as_they_are(plain):
    ids = plain.encoder_.categories_[1]
    labels = np.full(len(ids), "$9.99 or $19.99\n and a very long  title of no importance")
    display = EmbeddingDisplay.from_estimator(plain, labels=labels, n_labels=1)
    assert display.texts_[0].get_text() == "$9.99 or $19.99 and a very…"
    assert not display.texts_[0].get_parse_math()


@pytest.mark.parametrize("name", ["labels", "color"])
@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (["a", "b"], ValueError, "must hold one for each of the 40 ids; got 2"),
        ({"1": "a"}, ValueError, "knows none of the 40 ids, such as 0: its keys"),
        (pd.Series(["a", "b"], index=[1, 1]), ValueError, "must hold each id once in its index; 1 is there more often"),
        ("title", TypeError, "must be a mapping, a Series or an array of one for each id; got 'title'"),
        (3, TypeError, "must be a mapping"),
    ],
)
def test_labels_and_colours_that_fit_no_ids_are_refused(plain, name, values, error, message):
    with pytest.raises(error, match=f"^{name}.* {message}"):
        EmbeddingDisplay.from_estimator(plain, **{name: values})


def test_numbers_have_a_colour_bar_and_missing_ones_are_grey(plain):
    ids = plain.encoder_.categories_[1]
    years = pd.Series(pd.array(ids + 1900, dtype="Int64"), index=ids, name="year")
    years.iloc[2] = pd.NA
    display = EmbeddingDisplay.from_estimator(plain, color=years, cmap="magma")
    settle(display)
    (scatter,) = display.scatters_
    assert display.colorbar_.ax.get_ylabel() == "year"
    assert display.colorbar_.mappable is scatter
    assert scatter.get_clim() == (1900, 1900 + ids.max())
    assert scatter.get_cmap().name == "magma"
    assert len(scatter.get_offsets()) == len(ids)
    assert not np.ma.getmaskarray(scatter.get_offsets()).any()
    np.testing.assert_allclose(scatter.get_facecolors()[2], mpl.colors.to_rgba("#898989", 0.8))


@pytest.mark.parametrize("dtype", [int, float, "Int32", "float32"])
def test_numbers_of_any_type_are_numbers(plain, dtype):
    ids = plain.encoder_.categories_[1]
    display = EmbeddingDisplay.from_estimator(plain, color=pd.Series(ids, index=ids).astype(dtype))
    np.testing.assert_allclose(display.scatters_[0].get_array(), ids)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_most_frequent_categories_have_a_legend_and_the_rest_is_other(plain, dtype):
    ids = plain.encoder_.categories_[1]
    sizes = {"a": 3, "b": 8, "c": 7, "d": 6, "e": 5, "f": 4, "g": 2, "h": 1}
    names = np.repeat(list(sizes), list(sizes.values()))
    color = pd.Series([*names, None, None, None, None], index=ids, name="genre", dtype=dtype)
    display = EmbeddingDisplay.from_estimator(plain, color=color)
    assert [text.get_text() for text in display.legend_.get_texts()] == ["b", "c", "d", "e", "f", "a", "other"]
    assert [len(scatter.get_offsets()) for scatter in display.scatters_] == [8, 7, 6, 5, 4, 3, 7]
    assert display.legend_.get_title().get_text() == "genre"
    assert display.colorbar_ is None
    np.testing.assert_allclose(display.scatters_[0].get_offsets(), display.positions[(color == "b").fillna(False)])
    looks = {
        (tuple(scatter.get_facecolor()[0]), scatter.get_paths()[0].vertices.shape) for scatter in display.scatters_
    }
    assert len(looks) == 7


@pytest.mark.parametrize(
    ("categories", "legend"),
    [
        (list("abcdefg"), list("abcdefg")),  # grey has a name where it stands for one alone
        (["a", None], ["a", "missing"]),
        ([True, False], ["True", "False"]),
        (["$x$", "_y"], ["$x$", "_y"]),
    ],
)
def test_names_of_categories(plain, categories, legend):
    n_ids = len(plain.encoder_.categories_[1])
    color = [categories[min(row % 9, len(categories) - 1)] for row in range(n_ids)]
    color = [categories[0], *color[1:]]
    display = EmbeddingDisplay.from_estimator(plain, color=color)
    assert sorted(text.get_text() for text in display.legend_.get_texts()) == sorted(legend)
    assert not any(text.get_parse_math() for text in display.legend_.get_texts())


def test_any_transformer_projects(plain):
    projection = TruncatedSVD(2, random_state=0)
    display = EmbeddingDisplay.from_estimator(plain, projection=projection)
    assert not hasattr(projection, "components_")
    np.testing.assert_allclose(display.positions, projection.fit_transform(plain.item_embeddings_), atol=1e-5)
    scaled = make_pipeline(FunctionTransformer(), PCA(2))
    assert EmbeddingDisplay.from_estimator(plain, projection=scaled).ax_.get_ylabel() == "Pipeline 2"
    with pytest.raises(ValueError, match=r"projection must give two columns.* PCA gave shape \(40, 3\) for 40 ids"):
        EmbeddingDisplay.from_estimator(plain, projection=PCA(3))


def test_a_map_takes_two_ids_and_two_components(plain, quick, ratings):
    with pytest.raises(ValueError, match=r"two ids and two components or more; there are vectors of shape \(1, 8\)"):
        EmbeddingDisplay.from_estimator(plain, ids=0)
    with pytest.raises(ValueError, match=r"shape \(40, 1\)"):
        EmbeddingDisplay.from_estimator(quick(embedding_dim=1).fit(*ratings))
    assert len(EmbeddingDisplay.from_estimator(plain, ids=[0, 1]).texts_) == 2
    assert EmbeddingDisplay.from_estimator(plain, ids=[0, 1], n_labels=0).texts_ == []


@pytest.mark.parametrize(
    ("params", "message"),
    [({"which": "film"}, "which must be 'item' or 'user'; got 'film'"), ({"n_labels": -1}, "n_labels must be 0")],
)
def test_parameters_out_of_range_are_refused(plain, params, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_estimator(plain, **params)


def test_network_without_embeddings_is_refused(quick, ratings, own_network):
    with pytest.raises(AttributeError, match="Sum has no table of embeddings"):
        EmbeddingDisplay.from_estimator(quick(architecture=own_network).fit(*ratings))


def test_keyword_arguments_reach_the_artists(plain):
    for color in (None, np.arange(40), ["a", "b"] * 20):
        display = EmbeddingDisplay.from_estimator(
            plain, color=color, scatter_kw={"s": 77, "alpha": 0.5}, text_kw={"rotation": 30}
        )
        assert all(scatter.get_sizes() == [77] for scatter in display.scatters_)
        assert all(text.get_rotation() == 30 for text in display.texts_)
    red = EmbeddingDisplay.from_estimator(plain, scatter_kw={"c": "red", "alpha": 1}).scatters_[0]
    np.testing.assert_array_equal(red.get_facecolor(), [[1, 0, 0, 1]])


# Both


def test_displays_keep_their_data_and_are_drawn_again(plain, models):
    history = TrainingHistoryDisplay.from_estimator(models["validated"])
    figure = history.figure_
    assert history.plot() is history
    assert history.figure_ is not figure
    again = TrainingHistoryDisplay(history=history.history, best_epoch=history.best_epoch).plot()
    np.testing.assert_array_equal(again.valid_line_.get_ydata(), history.valid_line_.get_ydata())
    embedding = EmbeddingDisplay.from_estimator(plain, n_labels=3)
    _, ax = plt.subplots()
    assert embedding.plot(ax, n_labels=2) is embedding
    assert embedding.ax_ is ax
    assert len(embedding.texts_) == 2
    names = ["ids", "positions", "n_rows", "labels", "color", "color_name", "axis_names"]
    again = EmbeddingDisplay(**{name: getattr(embedding, name) for name in names}).plot(n_labels=2)
    np.testing.assert_array_equal(again.labelled_, embedding.labelled_)


def test_estimator_stays_as_it_was(ratings, quick):
    model = quick(early_stopping=True).fit(*ratings)
    before = pickle.dumps(model)
    EmbeddingDisplay.from_estimator(model)
    TrainingHistoryDisplay.from_estimator(model)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_texts_and_marks_have_the_colours_of_the_style(plain, models, style):
    with plt.style.context(style):
        embedding = EmbeddingDisplay.from_estimator(plain)
        history = TrainingHistoryDisplay.from_estimator(models["validated"])
        ink, paper = mpl.rcParams["text.color"], mpl.rcParams["axes.facecolor"]
    assert {text.get_color() for text in embedding.texts_} == {ink}
    assert {line.get_color() for line in (embedding.rings_, history.best_mark_, *history.best_lines_)} == {ink}
    for text in embedding.texts_:
        assert mpl.colors.same_color(text.get_bbox_patch().get_facecolor()[:3], paper)


def luminance(color):
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    rgb = np.array(mpl.colors.to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_curves_stand_out_from_white_and_from_black(models):
    display = TrainingHistoryDisplay.from_estimator(models["scored"])
    for line in (display.train_line_, display.valid_line_, display.score_line_, display.learning_rate_line_):
        value = luminance(line.get_color())
        assert min(1.05 / (value + 0.05), (value + 0.05) / 0.05) > 2.4


@pytest.mark.parametrize("display", [TrainingHistoryDisplay, EmbeddingDisplay])
def test_missing_matplotlib_is_said(plain, monkeypatch, display):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.from_estimator requires matplotlib"):
        display.from_estimator(plain)
