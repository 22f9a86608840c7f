"""The map of embeddings: what it draws, and that it can be read."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from drawings import n_inside, settle
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ncf import IdEncoder
from sklearn_ncf.inspection import EmbeddingDisplay, TrainingHistoryDisplay


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
