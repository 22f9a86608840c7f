"""Links that work in the repository work on the site too: its files become the site's pages."""

import re

MARKDOWN = [
    (r"\]\(\.\./benchmarks/README\.md", "](benchmarks.md"),
    (r"\]\(\.\./CHANGELOG\.md", "](changelog.md"),
    (r"\]\((?:\.\./)?docs/", "]("),  # out of the included files
    (r"(?<!\[)`docs/(\w+)\.md`(?!\])", r"[`docs/\1.md`](\1.md)"),
    (r"(?<!\[)`examples/(plot_\w+)\.py`(?!\])", r"[`examples/\1.py`](auto_examples/\1.rst)"),
]
RESTRUCTURED = [
    (r"``docs/(\w+)\.md``", r":doc:`docs/\1.md </\1>`"),
    (r"``examples/(plot_\w+)\.py``", r":doc:`examples/\1.py </auto_examples/\1>`"),
]


def setup(app):
    """Rewrite pages as they are read, what they include, and docstrings."""
    app.connect("source-read", _page)
    app.connect("include-read", _included)
    app.connect("autodoc-process-docstring", _docstring, priority=400)  # before numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _page(app, docname, content):
    content[0] = _rewritten(content[0], MARKDOWN if app.env.doc2path(docname).suffix == ".md" else RESTRUCTURED)


def _included(app, path, docname, content):
    content[0] = _rewritten(content[0], MARKDOWN)


def _docstring(app, what, name, obj, options, lines):
    lines[:] = _rewritten("\n".join(lines), RESTRUCTURED).split("\n")


def _rewritten(text, rules):
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text
