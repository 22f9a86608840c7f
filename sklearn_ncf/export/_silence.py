"""Keeps what torch's exporter warns and logs from the caller, without a change for any other thread."""

import logging
import threading
import warnings
from contextlib import contextmanager, suppress

LOGGERS = [f"torch.onnx._internal.exporter.{module}" for module in ("_compat", "_core", "_registration")]
LOGGERS += ["onnx_ir._convenience"]

_of_thread = threading.local()


class _OfThisThread:
    """Matches what a thread says inside `silence`: the message of a filter of warnings, and a filter of loggers.

    Both kinds of filters are seen by all threads, so it is the match that tells them apart. A copy that somebody else's
    `warnings.catch_warnings` has saved and puts back later matches nothing.
    """

    def match(self, text):
        return getattr(_of_thread, "is_silent", False)

    def filter(self, record):
        return record.levelno >= logging.ERROR or not self.match(record.msg)


@contextmanager
def silence():
    """Drop what this thread warns and what torch's exporter logs in it: the caller cannot act on it."""
    pattern = _OfThisThread()
    warnings_filter = ("ignore", pattern, Warning, None, 0)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    try:
        _of_thread.is_silent = True
        warnings.filters.insert(0, warnings_filter)
        for logger in loggers:
            logger.addFilter(pattern)
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(pattern)
        with suppress(ValueError):  # another list is in place, somebody else's
            warnings.filters.remove(warnings_filter)
        _of_thread.is_silent = False
