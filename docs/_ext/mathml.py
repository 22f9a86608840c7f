"""Equations as MathML, which browsers draw themselves: no script and no network, in the build or in reading."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def setup(app):
    """Register the renderer that `html_math_renderer` names."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer, node):
    writer.body.append(convert(node.astext(), display="inline"))
    raise SkipNode


def _display(writer, node):
    writer.body.append(f'<div class="equation">{convert(node.astext(), display="block")}</div>\n')
    raise SkipNode
