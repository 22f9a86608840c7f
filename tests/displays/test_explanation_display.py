"""ExplanationDisplay: bars lead from the intercept to the score, and are called as the caller says."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from sklearn_ncf import NCFRanker
from sklearn_ncf.inspection import ExplanationDisplay, explain


@pytest.fixture(scope="module")
def ranker(ratings):
    """Least squares, whose scores have no intercept."""
    return NCFRanker(embedding_dim=4, max_epochs=2, random_state=0, device="cpu").fit(ratings[0])


def ends_of(bars):
    """Where bars begin and end: from the left to the right, or back where they are negative."""
    starts = np.array([bar.get_x() for bar in bars])
    return starts, starts + [bar.get_width() for bar in bars]


@pytest.mark.parametrize("n_largest", [0, 1, 5, 1000])
def test_bars_lead_from_the_intercept_to_the_score(plain, ratings, n_largest):
    X, _ = ratings
    display = ExplanationDisplay.from_estimator(plain, X[:3], row=2, n_largest=n_largest)
    starts, ends = ends_of(display.bars_)
    np.testing.assert_allclose(starts[1:], ends[:-1], atol=1e-9)
    why = explain(plain, X[2:3])
    intercept = why.loc[why["kind"] == "intercept", "contribution"].sum()
    assert starts[0] == pytest.approx(intercept)
    assert ends[-1] == pytest.approx(plain.predict(X[2:3])[0], abs=1e-5)
    assert display.start_line_.get_xdata()[0] == pytest.approx(intercept)
    assert display.score_line_.get_xdata()[0] == pytest.approx(ends[-1])
    n_interactions = (why["kind"] == "interaction").sum()
    n_others = (~why["kind"].isin(["interaction", "intercept"])).sum()
    assert len(display.bars_) == n_others + min(n_largest, n_interactions) + (n_largest < n_interactions)
    assert f"{n_interactions - n_largest} other interactions" in display.bar_names_ or n_largest > n_interactions


def test_the_largest_interactions_have_bars_whatever_their_sign(plain, ratings):
    X, _ = ratings
    display = ExplanationDisplay.from_estimator(plain, X[:1], n_largest=4)
    why = explain(plain, X[:1])
    interactions = why[why["kind"] == "interaction"].set_index("source")["contribution"]
    largest = interactions[interactions.abs().nlargest(4).index].sort_values(ascending=False)
    first = display.bar_names_.index(str(largest.index[0]))
    assert display.bar_names_[first : first + 4] == [str(source) for source in largest.index]
    np.testing.assert_allclose(display.bar_values_[first : first + 4], largest)
    rest = interactions.sum() - largest.sum()
    assert display.bar_values_[first + 4] == pytest.approx(rest, abs=1e-9)


def test_items_are_called_by_their_labels_and_titles_have_no_mathematics(ranker, ratings):
    X, _ = ratings
    titles = {item: f"$film_{item}" for item in X["item"].unique()[1:]}
    titles[X["item"][0]] = "A title that is much too long for the room beside a bar"
    display = ExplanationDisplay.from_estimator(ranker, X[:1], labels=titles, n_largest=3)
    why = explain(ranker, X[:1])
    interactions = why[why["kind"] == "interaction"]
    largest = interactions["contribution"].abs().nlargest(3).index
    expected = [titles[source] for source in interactions.loc[largest, "source"]]
    assert set(expected) <= set(display.bar_names_)
    assert display.ax_.get_title(loc="left") == f"user {X['user'][0]}, item A title that is much too lo…"
    display.figure_.draw_without_rendering()
    without = {X["item"][0]: "one"}
    names = ExplanationDisplay.from_estimator(ranker, X[:1], labels=without, n_largest=50).bar_names_
    assert {str(source) for source in interactions["source"]} - {str(X["item"][0])} <= set(names)


def test_numbers_stand_within_the_axes_and_beside_their_bars(plain, ratings):
    display = ExplanationDisplay.from_estimator(plain, ratings[0][:1])
    display.figure_.draw_without_rendering()
    inner = display.ax_.get_window_extent()
    for text, bar in zip(display.ax_.texts, display.bars_, strict=True):
        box = text.get_window_extent()
        assert inner.x0 <= box.x0
        assert box.x1 <= inner.x1
        assert box.x0 >= bar.get_window_extent().x1
    assert sum(float(text.get_text()) for text in display.ax_.texts) == pytest.approx(
        display.bar_values_.sum(), abs=0.02
    )


def test_colours_tell_what_raises_from_what_lowers(plain, ratings):
    display = ExplanationDisplay.from_estimator(plain, ratings[0][:1])
    colors = {mpl.colors.to_hex(bar.get_facecolor()): set() for bar in display.bars_}
    for bar, value in zip(display.bars_, display.bar_values_, strict=True):
        colors[mpl.colors.to_hex(bar.get_facecolor())].add(value < 0)
    assert sorted(map(list, colors.values())) == [[False], [True]]


def test_a_score_of_which_nothing_is_known_has_no_bars(plain, ratings):
    display = ExplanationDisplay.from_estimator(plain, ratings[0][:1].assign(user=-5, item=-6))
    assert display.bar_names_ == []
    assert display.score_line_.get_xdata()[0] == pytest.approx(plain.mean_rating_)
    display.figure_.draw_without_rendering()


def test_it_keeps_its_data_and_is_drawn_again(ranker, ratings):
    why = explain(ranker, ratings[0][:2])
    display = ExplanationDisplay.from_explanation(why, row=1, bar_kw={"height": 0.5})
    assert {bar.get_height() for bar in display.bars_} == {0.5}
    names = ["kinds", "contributions", "labels", "title"]
    _, ax = plt.subplots()
    again = ExplanationDisplay(**{name: getattr(display, name) for name in names}).plot(ax)
    assert again.ax_ is ax
    assert again.bar_names_ == display.bar_names_
    bare = ExplanationDisplay(kinds=display.kinds, contributions=display.contributions).plot(n_largest=1)
    assert bare.bar_names_[0] == "interaction"
    assert bare.ax_.get_title(loc="left") == ""


def test_features_and_contexts_are_called_by_kind_and_column():
    kinds = ["context", "item feature", "remainder"]
    display = ExplanationDisplay.from_explanation(
        pd.DataFrame(
            {
                "row": 0,
                "user": "ann",
                "item": "Dune",
                "kind": kinds,
                "source": ["hour", "genre", None],
                "contribution": [0.1, -0.2, 0.3],
                "score": 0.2,
            }
        )
    )
    assert display.bar_names_ == ["context: hour", "item feature: genre", "remainder"]


def test_wrong_arguments_are_said(plain, ratings):
    why = explain(plain, ratings[0][:2])
    with pytest.raises(ValueError, match="row=2 is none of the rows"):
        ExplanationDisplay.from_explanation(why, row=2)
    with pytest.raises(ValueError, match="has no column 'kind'"):
        ExplanationDisplay.from_explanation(why.drop(columns="kind"))
    with pytest.raises(ValueError, match="n_largest must be 0 or a larger integer; got -1"):
        ExplanationDisplay.from_explanation(why, n_largest=-1)
