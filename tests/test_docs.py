"""The guide and README: their code runs as written, and no public name is missing from the API reference.

Code blocks marked ``python`` run, those of a page in turn and in one namespace, in a folder of their own. Blocks that
show another library, for comparison, are marked ``py``: highlighted alike, and not run.
"""

import ast
import doctest
import importlib
import pkgutil
import re
import tomllib
import warnings
from pathlib import Path

import pytest

import sklearn_ncf

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MODULES = sorted((ROOT / "sklearn_ncf").rglob("*.py"))
VALIDATES = re.compile(r"cross_val(idate|_score|_predict)|(Halving)?GridSearchCV|(Halving)?Random(ized)?SearchCV")
PRIVATE = {
    "encoding",
    "features",
    "fitting",
    "interactions",
    "lists",
    "storage",
    "training",
}  # packages of no interest to users
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


def mentioning(*words):
    """The pages, examples and modules whose text has one of the words."""
    return [path for path in [*PAGES, *EXAMPLES, *MODULES] if any(word in path.read_text("utf-8") for word in words)]


def name_of(path):
    """A file's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def code_to_copy(path):
    """The code that users copy from a page, an example or the docstrings of a module, as a syntax tree."""
    code = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        code = "".join(BLOCK.findall(code))
    elif path in MODULES:
        code = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
    return ast.parse(code)


def calls(tree):
    """Each call in a syntax tree, with the name that is called and the keyword arguments as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            yield name, node, {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}


@pytest.mark.parametrize("path", mentioning("KFold", "cross_val", "SearchCV"), ids=name_of)
def test_code_to_copy_shuffles_the_folds_of_every_search_and_cross_validation(path):
    # Tables of ratings are often sorted by user: without a shuffle, each fold holds out whole users.
    for name, _, keywords in calls(code_to_copy(path)):
        if VALIDATES.fullmatch(name):
            assert not re.fullmatch(r"None|\d+", keywords.get("cv", "None")), f"{name} without shuffled folds"
        if name == "KFold":
            assert keywords.get("shuffle") == "True"
            assert "random_state" in keywords


@pytest.mark.parametrize("path", mentioning("recommend("), ids=name_of)
def test_code_to_copy_shows_lists_by_a_ranker(path):
    tree = code_to_copy(path)
    rankers = {"NCFRanker", "PopularityRanker"}  # with the names of variables that hold one, or what was made from one
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            used = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
            if used & rankers or "'NCFRanker'" in ast.unparse(node.value):
                rankers.update(ast.unparse(target) for target in node.targets)
    for name, call, _ in calls(tree):
        if name == "recommend":
            is_method = isinstance(call.func, ast.Attribute)
            assert ast.unparse(call.func.value if is_method else call.args[0]) in rankers


@pytest.mark.parametrize("path", mentioning("genre"), ids=name_of)
def test_no_property_of_an_item_is_called_a_context(path):
    text = " ".join(path.read_text(encoding="utf-8").replace("\n#", "\n").split())
    for sentence in re.split(r"(?<=[.!?]) ", text):
        if re.search(r"\bgenre\b", sentence) and re.search(r"\bcontext\b", sentence):
            assert re.search(r"\bnot\b", sentence), sentence


@pytest.mark.parametrize("page", [*PAGES, ROOT / "benchmarks" / "README.md"], ids=name_of)
def test_a_time_has_a_table_cell_of_its_own(page):
    # "0.72 s, a fresh fit's 0.16" leaves the reader to guess what 0.16 is.
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"^\|.*\| *[\d.]+ (?:s|ms|min)\b[^|]*\d[^|]*\|", text, re.MULTILINE)


def test_readme_names_the_oldest_python_that_the_package_admits():
    with open(ROOT / "pyproject.toml", "rb") as file:
        oldest = tomllib.load(file)["project"]["requires-python"].removeprefix(">=")
    assert f"Python {oldest} or later" in PAGES[0].read_text(encoding="utf-8")


def test_readme_installs_the_torch_that_is_tested():
    found = [
        re.search(r"torch==[\d.]+\b", (ROOT / name).read_text("utf-8"))[0] for name in ("README.md", "constraints.txt")
    ]
    assert found[0] == found[1]
