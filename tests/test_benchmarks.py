"""Benchmarks start: what they take from the library is there, and peers are imported where they are asked for."""

import importlib
from pathlib import Path

import pytest

NAMES = sorted(path.stem for path in (Path(__file__).parents[1] / "benchmarks").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_can_be_imported(name, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    assert importlib.import_module(f"benchmarks.{name}").__doc__
