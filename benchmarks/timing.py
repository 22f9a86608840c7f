"""Timing that bears a noisy machine: runs in turn, several rounds, medians."""

import time
from statistics import median


def seconds(function, *args, **kwargs):
    start = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - start


def in_turn(runs, rounds):
    """Median seconds of each run, all runs in turn in each round, after one round to warm up."""
    times = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            taken = run()
            if number:
                times[name].append(taken)
    return {name: median(taken) for name, taken in times.items()}
