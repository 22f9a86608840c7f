"""Training in several processes gives what one gives, and ends where one of them dies."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skorch.callbacks import Callback
from train_together import CASES, fitted, rows_of

from sklearn_ncf import recommend
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.training import _processes

SCRIPT = Path(__file__).parent / "train_together.py"
TORCHRUN = [sys.executable, "-W", "error", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
EQUAL = [
    "adam",
    "rowwise",
    "softmax",
    "bce",
    "als",
    "own",
    "stopped",
    "grown",
    "described",
]  # to what one process learns


def run_together(folder, *cases, timeout=120):
    """Run cases in two processes."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error", "HAS_DIED": str(folder / "died")}
    return subprocess.run([*TORCHRUN, SCRIPT, folder, *cases], timeout=timeout, env=environment, capture_output=True)


def results_of(folder, case):
    """Predictions, weights and losses in the first process, after a check that the second has the same bits."""
    first, second = [pickle.loads((folder / f"{case}-{rank}.pkl").read_bytes()) for rank in (0, 1)]
    for mine, theirs in ((first[1], second[1]), ({"predicted": first[0]}, {"predicted": second[0]})):
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    return first


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two processes have written what all cases gave that end well."""
    folder = tmp_path_factory.mktemp("together")
    done = run_together(folder, *EQUAL, "seedless", "other rows")
    assert done.returncode == 0, done.stderr.decode()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_learn_what_one_learns(folder, case):
    predicted, _, losses = results_of(folder, case)
    alone = fitted(case)
    np.testing.assert_allclose(predicted, alone.predict(rows_of(case)[0]), rtol=0, atol=1e-3)
    np.testing.assert_allclose(losses, alone.history_["train_loss"], rtol=1e-4)


@pytest.mark.slow
def test_the_first_process_has_an_ordinary_estimator(folder):
    predicted, *_ = results_of(folder, "seedless")  # one seed for both
    model = pickle.loads((folder / "model.pkl").read_bytes())
    X, y = make_ratings(n_ratings=1003, random_state=0)
    np.testing.assert_array_equal(model.predict(X), predicted)
    assert len(recommend(model, [0, 1], n_items=2)) == 4
    assert len(model.partial_fit(X[:50], y[:50]).fit(X, y).history_) == 3


@pytest.mark.slow
def test_processes_with_other_rows_are_refused_in_each_of_them(folder):
    assert not list(folder.glob("other rows-*.pkl"))
    for rank in (0, 1):
        assert "have different rows or parameters" in (folder / f"other rows-{rank}.error").read_text()


@pytest.mark.slow
def test_a_fit_does_not_hold_the_process_group(folder):
    # gloo's threads would go on while the interpreter ends, and now and then abort it
    assert [(folder / f"group-{rank}.txt").read_text() for rank in (0, 1)] == ["None", "None"]


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_an_error_and_the_next_run_goes_on(tmp_path):
    done = run_together(tmp_path, "killed", timeout=60)
    assert done.returncode != 0
    assert b"SIGKILL" in done.stderr
    assert not list(tmp_path.glob("*.pkl"))
    assert [path.name for path in tmp_path.glob("checkpoints/*/*.pt")] == ["epoch-000002.pt"]
    done = run_together(tmp_path, "killed")
    assert done.returncode == 0, done.stderr.decode()
    predicted, _, losses = results_of(tmp_path, "killed")
    CASES["killed"].set_params(callbacks=[Callback], checkpoint_dir=None)
    alone = fitted("killed")
    np.testing.assert_allclose(predicted, alone.predict(rows_of("killed")[0]), rtol=0, atol=1e-3)
    np.testing.assert_allclose(losses, alone.history_["train_loss"], rtol=1e-4)
    assert [path.name for path in tmp_path.glob("checkpoints/*/*.pt")] == ["finished.pt"]


def test_the_shares_of_a_batch_are_its_rows_once(monkeypatch):
    monkeypatch.setattr(_processes.distributed, "get_world_size", lambda: 3)
    processes, shares = _processes.Processes(), []
    for rank in range(3):
        monkeypatch.setattr(_processes.distributed, "get_rank", lambda rank=rank: rank)
        shares += list(range(12)[processes.local_slice(12)])
        assert list(range(13)[processes.local_slice(13)]) == list(range(13))  # no even share: each computes all
    assert shares == list(range(12))
    assert [processes.in_whole_shares(size) for size in (1, 3, 4096)] == [3, 3, 4098]
