"""Searches and scoring on other engines: Dask's workers, Dask DataFrames, Arrow batches. The same results as here."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import torch
from distributed import Client
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from sklearn_ncf import IdEncoder, recommend

SECONDS = 60  # to wait for processes: a cluster that is not there by then will not come
GRID = {"ncf__embedding_dim": [2, 8], "enc__min_frequency": [None, 35]}


class Notes(Callback):
    """Writes a line for each fit: its process, its thread, and how many threads torch takes."""

    def __init__(self, path):
        self.path = path

    def on_train_end(self, net, **kwargs):
        time.sleep(0.1)  # so that no worker can run all fits before the other one begins
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()} {threading.get_ident()} {torch.get_num_threads()}\n")


class Dies(Callback):
    """Kills its process in the middle of a search's fit of a given number, once."""

    def __init__(self, folder, number):
        self.folder = folder
        self.number = number

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) > 1:
            return
        fits = Path(self.folder, "fits")
        with open(fits, "a") as file:
            file.write("fit\n")
        if len(fits.read_text().splitlines()) >= self.number:
            with suppress(FileExistsError):
                Path(self.folder, "died").touch(exist_ok=False)
                psutil.Process().kill()  # SIGKILL, where there are signals


class Parcel:
    """A model that notes in which processes it is unpacked."""

    def __init__(self, model, path):
        self.model = model
        self.path = path

    def __setstate__(self, state):
        vars(self).update(state)
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()}\n")

    def predict(self, X):
        return self.model.predict(X)


@contextmanager
def processes(folder):
    """A function that starts `python -m dask ...` in a folder; all that it started end with the block."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment.pop("OMP_NUM_THREADS", None)  # so that what limits threads is Dask
    started = []
    with open(folder / "log", "w") as log:

        def start(*arguments):
            command = [sys.executable, "-m", "dask", *arguments]
            started.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))

        try:
            yield start
        finally:
            family = [child for process in started for child in psutil.Process(process.pid).children(recursive=True)]
            for process in [*started, *family]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                process.wait(SECONDS)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a scheduler and two workers of one thread each, all of them processes of their own."""
    folder = tmp_path_factory.mktemp("dask")
    address = folder / "scheduler.json"
    local = ["--scheduler-file", str(address), "--host", "127.0.0.1", "--no-dashboard"]
    with processes(folder) as start:
        start("scheduler", *local, "--port", "0")
        for _ in range(2):
            start("worker", *local, "--nthreads", "1", "--local-directory", str(folder))
        deadline = time.monotonic() + SECONDS
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with Client(scheduler_file=str(address), timeout=SECONDS) as client:
            client.wait_for_workers(2, timeout=SECONDS)
            client.amm.stop()  # it would drop the second copy of what is scattered
            yield client


@pytest.fixture
def pipe(quick):
    return Pipeline([("enc", IdEncoder()), ("ncf", quick(embedding_dropout=0.1))])


@pytest.fixture
def folder(ratings, tmp_path):
    """Pairs in a folder of five Parquet files."""
    path = tmp_path / "pairs"
    path.mkdir()
    for number, part in enumerate(np.array_split(np.arange(len(ratings[0])), 5)):
        pq.write_table(pa.Table.from_pandas(ratings[0].iloc[part], preserve_index=False), path / f"{number}.parquet")
    return path


def search(pipe, X, y, **scatter):
    """A search, on Dask where data are scattered; its test scores, a row a candidate."""
    splits = list(KFold(3, shuffle=True, random_state=0).split(X, y))
    search = GridSearchCV(pipe, GRID, cv=splits, scoring="neg_root_mean_squared_error", refit=False)
    if scatter:
        with parallel_config("dask", scatter=[X, y, *sum(splits, ())]):
            search.fit(X, y)
    else:
        search.fit(X, y)
    return pd.DataFrame(search.cv_results_).filter(regex="split._test_score").to_numpy()


def with_scores(part, model):
    return part.assign(score=model.predict(part))


def with_lists(part, model):
    return recommend(model, part["user"], n_items=3)


@pytest.mark.slow
def test_a_search_on_dask_gives_what_one_process_gives_with_one_thread_a_worker(client, pipe, ratings, tmp_path):
    expected = search(pipe, *ratings)
    pipe.set_params(ncf__callbacks=[Notes(tmp_path / "notes")])
    np.testing.assert_array_equal(search(pipe, *ratings, dask=True), expected)
    notes = pd.read_csv(tmp_path / "notes", sep=" ", names=["process", "thread", "torch_threads"])
    assert len(notes) == expected.size
    assert os.getpid() not in set(notes["process"])
    assert len(notes[["process", "thread"]].drop_duplicates()) == notes["process"].nunique() == 2
    assert set(notes["torch_threads"]) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 6])
def test_a_worker_that_is_killed_costs_no_result(client, pipe, ratings, tmp_path, number):
    client.wait_for_workers(2, timeout=SECONDS)  # Dask starts the one that was killed again
    expected = search(pipe, *ratings)
    pipe.set_params(ncf__callbacks=[Dies(tmp_path, number)])
    np.testing.assert_array_equal(search(pipe, *ratings, dask=True), expected)
    assert (tmp_path / "died").exists()
    assert len((tmp_path / "fits").read_text().splitlines()) > expected.size


@pytest.mark.slow
def test_a_dask_table_is_scored_as_the_whole_and_the_model_sent_once_a_worker(client, pipe, ratings, folder, tmp_path):
    client.wait_for_workers(2, timeout=SECONDS)
    X, _ = ratings
    model = client.scatter(Parcel(pipe.fit(*ratings), tmp_path / "unpacked"), broadcast=True)
    pairs = dd.read_parquet(folder)
    assert pairs.npartitions == 5
    scored = pairs.map_partitions(with_scores, model, meta={**pairs.dtypes, "score": "float32"}).compute()
    np.testing.assert_array_equal(scored[["user", "item"]], X)
    np.testing.assert_allclose(scored["score"], pipe.predict(X), rtol=1e-6)
    assert scored.dtypes.tolist() == ["int64", "int64", "float32"]
    unpacked = [int(line) for line in (tmp_path / "unpacked").read_text().split() if int(line) != os.getpid()]
    assert len(unpacked) == len(set(unpacked)) == 2


@pytest.mark.slow
def test_lists_made_by_partitions_of_users_are_those_made_in_one_go(client, pipe, ratings):
    client.wait_for_workers(2, timeout=SECONDS)
    X, y = ratings
    pipe.fit(X[:1000], y[:1000])
    expected = recommend(pipe, n_items=3)
    users = dd.from_pandas(pd.DataFrame({"user": pipe["enc"].categories_[0]}), npartitions=4)
    lists = users.map_partitions(with_lists, client.scatter(pipe, broadcast=True), meta=expected.iloc[:0]).compute()
    pd.testing.assert_frame_equal(lists.reset_index(drop=True), expected, rtol=1e-6)


def test_arrow_batches_are_scored_as_the_whole(pipe, ratings, folder, tmp_path):
    X, _ = ratings
    pipe.fit(*ratings)
    pairs = ds.dataset(folder)
    schema = pairs.schema.append(pa.field("score", pa.float32()))
    with pq.ParquetWriter(tmp_path / "scored.parquet", schema) as writer:
        for batch in pairs.to_batches(columns=["user", "item"], batch_size=300):
            writer.write_batch(batch.append_column("score", pa.array(pipe.predict(batch))))
    scored = pd.read_parquet(tmp_path / "scored.parquet")
    np.testing.assert_array_equal(scored[["user", "item"]], X)
    np.testing.assert_allclose(scored["score"], pipe.predict(X), rtol=1e-6)
