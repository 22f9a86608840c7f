"""The guide and README: their code runs as written, and no public name is missing from the API reference.

Code blocks marked ``python`` run, those of a page in turn and in one namespace, in a folder of their own. Blocks that
show another library, for comparison, are marked ``py``: highlighted alike, and not run.
"""

import importlib
import pkgutil
import re
import warnings
from pathlib import Path

import pytest

import sklearn_ncf

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRIVATE = {"training"}  # a package of no interest to users
PUBLIC = ["sklearn_ncf"] + [
    f"sklearn_ncf.{module.name}"
    for module in pkgutil.iter_modules(sklearn_ncf.__path__)
    if module.ispkg and module.name not in PRIVATE
]


def blocks(page):
    """The code blocks of a page that run, each on its own lines of the page, so that a traceback names them."""
    text = page.read_text(encoding="utf-8")
    return ["\n" * text.count("\n", 0, found.start(1)) + found[1] for found in BLOCK.finditer(text)]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_code_of_a_page_runs_as_written(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    warnings.filterwarnings("ignore", message=".*were not seen in fit")  # what a split by users or by time is about
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_in_the_api_reference(package):
    page = (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8")
    sections = re.split(r"^\.\. module:: (\S+)$", page, flags=re.MULTILINE)
    section = dict(zip(sections[1::2], sections[2::2], strict=True)).get(package, "")
    listed = re.findall(r"^   (\w+)$|^\.\. data:: (\w+)$", section, re.MULTILINE)
    assert sorted(map("".join, listed)) == sorted(importlib.import_module(package).__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_a_page_lead_to_files_of_the_repository(page):
    made_in_the_build = ("auto_examples/", "api/")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http", *made_in_the_build)):
            assert (page.parent / target).exists(), target
