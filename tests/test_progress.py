"""Progress bars: shown where they are asked for, and no trace of them elsewhere."""

import subprocess
import sys

from sklearn_ncf import recommend

KERNEL_WITHOUT_WIDGETS = """
import sys, types, warnings
class Shell:
    config = {"IPKernelApp": {}}
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = Shell
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
sys.modules["ipywidgets"] = None
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from sklearn_ncf import NCFRegressor, recommend
    from sklearn_ncf.datasets import make_ratings
    X, y = make_ratings(n_ratings=100, random_state=0)
    recommend(NCFRegressor(max_epochs=1).fit(X, y), n_items=1)
sys.stdout.write(" ".join(warning.category.__name__ for warning in caught))
"""


def test_nothing_warns_of_widgets_where_no_bar_is_shown():
    command = [sys.executable, "-c", KERNEL_WITHOUT_WIDGETS]
    categories = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "TqdmWarning" not in categories


THREADS = """
import threading
from sklearn_ncf import NCFRegressor, recommend
from sklearn_ncf.datasets import make_ratings
X, y = make_ratings(n_ratings=100, random_state=0)
for verbose in (0, 1):
    recommend(NCFRegressor(max_epochs=1, verbose=verbose).fit(X, y), n_items=1, verbose=verbose)
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
"""


def test_no_thread_is_left_behind():
    subprocess.run([sys.executable, "-c", THREADS], capture_output=True, check=True)


def test_bars_reach_the_end(quick, ratings, capsys):
    X, y = ratings
    recommend(quick(verbose=1).fit(X, y), n_items=1, verbose=1)
    err = capsys.readouterr().err
    assert "fit: 100%" in err
    assert "recommend: 100%" in err
