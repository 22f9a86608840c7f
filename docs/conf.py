"""Sphinx: `python -m sphinx -W --keep-going -b html docs docs/_build/html`, without a network."""

import sys
from pathlib import Path

import sklearn_ncf

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "sklearn-ncf"
author = "The sklearn-ncf developers"
copyright = author  # noqa: A001 - Sphinx' own name for it
version = release = sklearn_ncf.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "links",  # this one and the next two are in _ext
    "mathml",
    "own_members",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "sg_execution_times.rst", "**/sg_execution_times.rst"]
root_doc = "index"
default_role = "literal"  # single backquotes are code in the docstrings, as in Markdown
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(np|pd|sklearn|skorch|torch|collections|nn|Tensor|Sequence)(\..*)?")]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
toc_object_entries_show_parents = "hide"
smartquotes = False  # docstrings and tables are full of code
autodoc_typehints = "none"  # the types stand in the docstrings
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "ignore_pattern": r"^quickstart\.py$",
    "within_subsection_order": "gallery.order",
    "reset_modules": ("matplotlib", "gallery.raise_warnings"),
    "reset_modules_order": "both",
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "parallel": 2,
    "download_all_examples": False,
    "image_srcset": ["2x"],  # sharp on phones too
    "show_signature": False,
    "min_reported_time": 600,  # the seconds of a busy machine say nothing
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "sklearn-ncf"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "coming_from": [], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {page: [] for page in ("benchmarks", "changelog", "coming_from", "index")}
html_context = {"default_mode": "auto"}
