"""Labels as they are drawn."""

LONGEST = 28  # characters


def as_line(label):
    """A label as one line that fonts can draw: lone surrogates, which file names may hold, become question marks."""
    return " ".join(str(label).split()).encode(errors="replace").decode()


def shortened(label):
    """A label as one line of readable length."""
    text = as_line(label)
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
