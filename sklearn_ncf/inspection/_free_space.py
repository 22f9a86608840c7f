"""Where legends and labels go, so that they hide nothing."""

import numpy as np

CORNERS = ("upper right", "upper left", "lower left", "lower right")
GAP = 3  # points between a legend or label and what it must not touch
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))  # of a point, where a label may stand
CANDIDATES = 25  # ids that compete for each label


def settle(ax):
    """Let layouts find the final place of the axes, on which everything here depends."""
    ax.figure.canvas.figure.draw_without_rendering()


def place_legend(legend, points, *, grows):
    """Move a legend into a corner of its axes that holds none of some points, in data units.

    Where there is none, the axes grow, upwards ("y") or to the right ("x"), until all points lie beside the legend.
    """
    ax = legend.axes
    settle(ax)
    pixels = ax.transData.transform(points)
    pixels = pixels[np.isfinite(pixels).all(axis=1)]
    for corner in CORNERS:
        legend.set_loc(corner)
        box = _padded(legend.get_window_extent(), ax)
        if not ((pixels >= box.min) & (pixels <= box.max)).all(axis=1).any():
            return
    legend.set_loc(CORNERS[0])
    axis = "xy".index(grows)
    to_axes = ax.transAxes.inverted().transform
    edge = to_axes(_padded(legend.get_window_extent(), ax).min)[axis]
    limit = np.zeros(2)
    limit[axis] = to_axes(pixels)[:, axis].max() / edge  # what comes to lie at 1 when the last point is at the edge
    limit = ax.transData.inverted().transform(ax.transAxes.transform(limit))[axis]
    ax.set_xlim(right=limit) if grows == "x" else ax.set_ylim(top=limit)


def equalize_units(ax):
    """Widen one axis until a unit is as long on both, so that distances can be compared."""
    settle(ax)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    per_pixel = np.array([right - left, top - bottom]) / ax.bbox.size
    wider_x, wider_y = per_pixel.max() / per_pixel - 1
    ax.set_xlim(left - (right - left) * wider_x / 2, right + (right - left) * wider_x / 2)
    ax.set_ylim(bottom - (top - bottom) * wider_y / 2, top + (top - bottom) * wider_y / 2)


def place_labels(ax, points, labels, n_labels, *, radius, blocked, text_kw):
    """Write up to `n_labels` labels beside their points, the first ones first, none over another or over `blocked`.

    `radius` is that of a point's marker, in typographic points. Returns the texts and the rows labelled.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    settle(ax)
    frame, taken, texts, rows = ax.get_window_extent(), list(blocked), [], []
    style = {"fontsize": "small", "path_effects": [withStroke(linewidth=2, foreground=ax.get_facecolor())]}
    style |= {"parse_math": False} | (text_kw or {})
    scale = ax.figure.canvas.figure.dpi / 72
    for row in range(min(len(labels), CANDIDATES * n_labels)):
        if len(texts) == n_labels:
            break
        pixel = ax.transData.transform(points[row])
        marker = Bbox([pixel - radius * scale, pixel + radius * scale])
        if not labels[row] or marker.count_overlaps(taken):
            continue
        text = ax.annotate(labels[row], points[row], (0, 0), textcoords="offset points", **style)
        for side in SIDES:
            _stand_beside(text, side, radius + GAP)
            box = _padded(text.get_window_extent(), ax)
            inside = (box.min >= frame.min).all() and (box.max <= frame.max).all()
            if inside and not box.count_overlaps(taken):
                texts.append(text)
                rows.append(row)
                taken += [box, marker]
                break
        else:
            text.remove()
    return texts, rows


def _stand_beside(text, side, distance):
    """Move an annotation to one side of its point."""
    x, y = side
    text.set_position((x * distance, y * distance))
    text.set(ha={1: "left", 0: "center", -1: "right"}[x], va={1: "bottom", 0: "center", -1: "top"}[y])


def _padded(box, ax):
    """A box with a gap around it."""
    return box.padded(GAP * ax.figure.canvas.figure.dpi / 72)
