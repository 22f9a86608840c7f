"""Where legends and labels go, so that they hide nothing."""

import numpy as np

CORNERS = ("upper right", "upper left", "lower left", "lower right")
GAP = 3  # points between a legend or label and what it must not touch
LEAST_SHARE = 0.3  # of the axes that stays for the points, however large the legend
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))  # of a point, where a label may stand


def settle(ax):
    """Let layouts find the final place of the axes, on which everything here depends."""
    ax.figure.canvas.figure.draw_without_rendering()


def place_legend(legend, points, *, grows, rather_not=None):
    """Move a legend into a corner of its axes that holds none of some points, in data units.

    `rather_not` are points that it may hide where no corner is free of them too. Where no corner will do, the axes
    grow, upwards ("y") or to the right ("x"), until no point lies behind the legend.
    """
    ax = legend.axes
    settle(ax)
    points = ax.transData.transform(points[np.isfinite(points).all(axis=1)])
    further = points[:0] if rather_not is None else ax.transData.transform(rather_not)
    for hidden in (np.concatenate([points, further]), points):
        for corner in CORNERS:
            legend.set_loc(corner)
            box = _padded(legend.get_window_extent(), ax)
            if not ((hidden >= box.min) & (hidden <= box.max)).all(axis=1).any():
                return
    legend.set_loc(CORNERS[0])
    box = _padded(legend.get_window_extent(), ax)
    if grows == "y":
        points = points[(points[:, 0] >= box.x0) & (points[:, 0] <= box.x1)]  # the others may stay as high as they are
    axis = "xy".index(grows)
    to_axes = ax.transAxes.inverted().transform
    edge = max(to_axes(box.min)[axis], LEAST_SHARE)
    limit = np.zeros(2)
    # What lies there comes to lie at 1, and the last point at the edge.
    limit[axis] = max(to_axes(points)[:, axis].max() / edge, 1)
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
    from matplotlib.transforms import Bbox

    settle(ax)
    frame, taken, texts, rows = ax.get_window_extent(), list(blocked), [], []
    # Points behind a label fade. A halo would take paths, which are wider than what get_window_extent says of a text.
    fade = {"boxstyle": "square,pad=0.1", "facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.6}
    style = {"fontsize": "small", "parse_math": False, "bbox": fade} | (text_kw or {})
    scale = ax.figure.canvas.figure.dpi / 72
    for row, (label, pixel) in enumerate(zip(labels, ax.transData.transform(points), strict=True)):
        if len(texts) == n_labels:
            break
        marker = Bbox([pixel - radius * scale, pixel + radius * scale])
        if not label or marker.count_overlaps(taken):
            continue
        text = ax.annotate(label, points[row], (0, 0), textcoords="offset points", **style)
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
