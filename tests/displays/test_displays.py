"""What the displays do."""

import pickle
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from sklearn_ncf.inspection import EmbeddingDisplay, ExplanationDisplay, TrainingHistoryDisplay


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
    ExplanationDisplay.from_estimator(model, ratings[0][:1])
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


@pytest.mark.parametrize("display", [TrainingHistoryDisplay, EmbeddingDisplay, ExplanationDisplay])
def test_missing_matplotlib_is_said(plain, ratings, monkeypatch, display):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    rows = [ratings[0][:1]] if display is ExplanationDisplay else []
    with pytest.raises(ImportError, match=rf"{display.__name__}.from_estimator requires matplotlib"):
        display.from_estimator(plain, *rows)
