"""Many rows: learnt, mixed and trained on part by part, from memory or from mapped files, to the same bits."""

import errno
import os
import tempfile

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.format import open_memmap
from sklearn.metrics import root_mean_squared_error

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend
from sklearn_ncf._encoder import learn_ids_in_parts
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import InteractionHistory
from sklearn_ncf.storage import _large
from sklearn_ncf.storage._disk import Disk
from sklearn_ncf.storage._memory import MEMORY, is_mapped
from sklearn_ncf.training import InteractionDataset
from sklearn_ncf.training._batches import BatchIterator


@pytest.fixture
def small_blocks(monkeypatch):
    """2,000 rows are many."""
    monkeypatch.setattr(_large, "ROWS_CHUNK_SIZE", 150)
    monkeypatch.setattr(_large, "LARGE", 1000)
    monkeypatch.setattr(_large, "BLOCK", 400)


def mapped(folder, X, y, mode="r"):
    """Both as memory-mapped files."""
    for name, array in (("codes", np.asarray(X, np.int32)), ("ratings", np.asarray(y, np.float32))):
        np.save(folder / f"{name}.npy", array)
    return [np.load(folder / f"{name}.npy", mmap_mode=mode) for name in ("codes", "ratings")]


def table(n_rows):
    codes = np.stack([np.arange(n_rows), np.arange(n_rows) % 3], axis=1)
    return InteractionDataset(Interactions(codes, np.arange(n_rows, dtype=float), np.arange(1.0, n_rows + 1)))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("batch_size", [64, 100, 400, 700, 5000])
def test_an_epoch_holds_each_row_once_in_whole_batches_whatever_the_blocks(batch_size):
    batches = list(BatchIterator(table(1100), batch_size, shuffle=True))
    assert [len(codes) for codes, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(batches) == len(BatchIterator(table(1100), batch_size))
    assert sorted(torch.cat([ratings for _, ratings in batches]).tolist()) == list(range(1100))
    for batch in batches:
        codes, ratings = batch
        torch.testing.assert_close(codes[:, 0].float(), ratings)
        torch.testing.assert_close(batch.sample_weight, (ratings + 1) / 550.5)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_come_in_another_order_each_epoch_but_in_their_own_where_they_validate():
    batches = BatchIterator(table(2000), 400, shuffle=True)
    orders = [[int(ratings[0]) // 400 for _, ratings in batches] for _ in range(5)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert len(set(map(tuple, orders))) > 1
    in_order = BatchIterator(table(2000), 300)
    assert torch.cat([ratings for _, ratings in in_order]).tolist() == list(range(2000))


@pytest.mark.usefixtures("small_blocks")
def test_sorted_rows_are_spread_over_all_blocks():
    X, y = np.stack([np.arange(2000), np.arange(2000)], axis=1), np.arange(2000.0)
    parts = ((X[rows], y[rows], y[rows]) for rows in _large.parts_of(2000))
    codes, ratings, weight = _large.shuffle_blocks(parts, 2000, 2, weighted=True, storage=MEMORY)
    assert sorted(ratings) == list(range(2000))
    assert (codes == ratings[:, None]).all()
    assert (weight == ratings).all()
    for rows in _large.blocks_of(2000):
        tenths = np.bincount((ratings[rows] // 200).astype(int), minlength=10)
        assert tenths.min() > 20  # of 40


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("estimator", [NCFRegressor, NCFRanker])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_mapped_table_gives_the_bits_of_one_in_memory(tmp_path, ratings, estimator, weighted):
    X, y = ratings[0].to_numpy(), ratings[1].to_numpy()
    weight = np.linspace(0.5, 1.5, len(y)) if weighted else None
    model = estimator(embedding_dim=8, max_epochs=3, random_state=0, device="cpu")
    from_memory = model.fit(X, y, weight).predict(X)
    from_frame = model.fit(ratings[0], y, weight).predict(ratings[0])
    disk_X, disk_y = mapped(tmp_path, X, y)
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    from_disk = model.fit(disk_X, disk_y, weight).predict(disk_X)
    np.testing.assert_array_equal(from_disk, from_memory)
    np.testing.assert_array_equal(from_frame, from_memory)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before


@pytest.mark.usefixtures("small_blocks")
def test_training_by_blocks_learns_as_well_as_training_on_the_whole(ratings, monkeypatch, quick):
    X, y = ratings
    by_user = X.sort_values(["user", "item"]).index
    train, test = by_user[by_user % 10 > 0], by_user[by_user % 10 == 0]

    def error():
        models = [quick(max_epochs=20, random_state=seed).fit(X.loc[train], y[train]) for seed in range(4)]
        return np.mean([root_mean_squared_error(y[test], model.predict(X.loc[test])) for model in models])

    by_blocks = error()
    monkeypatch.setattr(_large, "LARGE", 10_000)
    assert by_blocks == pytest.approx(error(), rel=0.05)
    assert by_blocks < 0.8 * y.std()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "ids",
    [
        lambda n: n * 7 - 3000,
        lambda n: np.array([f"id {i}" for i in n], dtype=object),
        lambda n: np.where(n % 5 == 0, None, n.astype(object)),
        lambda n: np.where(n < 500, n.astype(object), n / 2),
        lambda n: np.where(n % 2 == 0, n.astype(object), "odd"),
    ],
    ids=["integers", "texts", "missing", "floats later", "mixed"],
)
def test_ids_learnt_in_parts_are_those_learnt_at_once(ids):
    rng = np.random.RandomState(0)
    n = rng.randint(700, size=2000)
    n[:500] %= 500
    X = pd.DataFrame({"user": pd.Series(ids(n), dtype=None), "item": n % 9})
    whole, parts = IdEncoder().fit(X), IdEncoder()
    learn_ids_in_parts(parts, X)
    np.testing.assert_array_equal(parts.transform(X), whole.transform(X))
    for mine, theirs in zip(parts.categories_, whole.categories_, strict=True):
        assert mine.dtype == theirs.dtype
        assert list(mine) == list(theirs)
    assert parts.n_features_in_ == 2
    assert list(parts.feature_names_in_) == ["user", "item"]


@pytest.mark.usefixtures("small_blocks")
def test_a_model_of_a_mapped_table_validates_recommends_grows_and_goes_on(tmp_path, ratings, quick):
    X, y = mapped(tmp_path, *ratings)
    model = quick(early_stopping=True, patience=2).fit(X, y, X_val=X[:100], y_val=y[:100])
    assert model.history_["valid_loss"].notna().all()
    assert len(recommend(model, [0, 1], n_items=3)) == 6
    assert quick(early_stopping=True).fit(X, y).history_["valid_loss"].notna().all()
    model.partial_fit(np.array([[1000, 1]]), [5.0])
    assert model.encoder_.categories_[0][-1] == 1000
    model.partial_fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.usefixtures("small_blocks")
def test_scratch_files_go_with_the_fit_and_full_disks_are_said(tmp_path, ratings, quick, monkeypatch):
    X, y = mapped(tmp_path, *ratings)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    kept, original = [], InteractionHistory.set_interactions
    monkeypatch.setattr(
        InteractionHistory,
        "set_interactions",
        lambda *args, **places: [kept.append(places), original(*args, **places)],
    )
    model = quick().fit(X, y)
    assert [type(place["storage"]) for place in kept] == [Disk]
    kept.clear()
    assert not list(scratch.iterdir())
    assert not is_mapped(model._seen.pairs)
    before = model.predict(X)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert not list(scratch.iterdir())


def test_memory_is_given_back_but_never_what_was_written_to_a_copy(tmp_path):
    codes = open_memmap(tmp_path / "a.npy", "w+", np.int32, (2000, 2))
    codes[:] = 1
    codes.flush()
    copy = np.load(tmp_path / "a.npy", mmap_mode="c")
    copy[5] = 7
    view = np.asarray(copy)[3:]
    view.flags.writeable = False
    Disk().release_pages(copy, view, None, np.ones(3))
    assert (copy[5] == 7).all()
    scratch = Disk().new((1000, 2), np.int32)
    scratch[:] = 3
    Disk().release_pages(scratch)
    assert (scratch == 3).all()
    assert is_mapped(scratch[3:])
    assert is_mapped(view)
    assert not is_mapped(np.ones(3))
