"""What the gallery runs, and in which order; an error or a warning in an example ends the build."""

import warnings

from sphinx_gallery.sorting import ExplicitOrder

order = ExplicitOrder(
    [
        "plot_quickstart.py",
        "plot_architectures.py",
        "plot_early_stopping.py",
        "plot_tuning.py",
        "plot_cold_start.py",
        "plot_new_user.py",
        "plot_new_items.py",
        "plot_what_a_genre_is_worth.py",
        "plot_title_embeddings.py",
        "plot_nightly_update.py",
        "plot_context_columns.py",
        "plot_time_decay.py",
        "plot_leave_last_out.py",
        "plot_item_map.py",
        "plot_why_this_film.py",
        "*",
    ]
)


def raise_warnings(gallery_conf, fname, when):
    """Make warnings errors while an example runs, and forget what the one before it has ignored."""
    warnings.resetwarnings()
    if when == "before":
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*is non-interactive, and thus cannot be shown")
