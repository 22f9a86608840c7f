"""A class's page shows what this library adds; what scikit-learn and torch bring along is theirs to document."""


def setup(app):
    """Leave out members that were defined elsewhere."""
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _skip(app, what, name, obj, skip, options):
    if skip or not hasattr(obj, "__module__"):
        return None
    return None if (obj.__module__ or "").startswith("sklearn_ncf") else True
