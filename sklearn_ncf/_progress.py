"""Progress bars, imported when the first one is shown: tqdm warns on import in a kernel without ipywidgets."""


def progress_bar(**options):
    """A tqdm bar for a notebook or a terminal, which starts no monitor thread."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # of this class alone: other bars keep their monitor

    return Bar(miniters=1, **options)
