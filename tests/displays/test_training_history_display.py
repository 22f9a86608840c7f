"""The display of a training run: what it draws, and that it is readable."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from drawings import history_of, n_inside, pixels_of, settle
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ncf import IdEncoder
from sklearn_ncf.inspection import EmbeddingDisplay, TrainingHistoryDisplay


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
