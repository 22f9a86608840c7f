"""Units in which networks compute, in float32: those of the ratings, unless float32 cannot hold or tell them apart."""

import math

import numpy as np

ORDINARY = (0.0, 1.0)  # offset and scale
LARGEST_OFFSET = 100  # of ratings, in half their range: further away, float32 blurs their differences
ORDINARY_SIZES = (1e-10, 1e10)  # of ratings: squares of smaller or larger ones leave float32


def units_of(low, high):
    """Offset and scale for ratings in a range. The scale is a power of two: dividing by it rounds nothing."""
    size, half_range = max(abs(low), abs(high)), high / 2 - low / 2
    smallest, largest = ORDINARY_SIZES
    if half_range == 0:
        return ORDINARY if size == 0 or smallest <= size <= largest else (low, 1.0)
    is_far = size > LARGEST_OFFSET * half_range
    if not is_far and smallest <= half_range <= largest:
        return ORDINARY
    exponent = min(max(round(math.log2(half_range)), -1022), 1023)
    return (low / 2 + high / 2 if is_far else 0.0), 2.0**exponent


def to_units(ratings, units):
    """Ratings in the network's units."""
    offset, scale = units
    return ratings if units == ORDINARY else np.subtract(ratings, offset, dtype=np.float64) / scale


def from_units(ratings, units):
    """Ratings in the user's units: float64 where the two differ, since float32 may not hold them."""
    offset, scale = units
    return ratings if units == ORDINARY else offset + scale * np.asarray(ratings, dtype=np.float64)


def losses_from_units(losses, units, power):
    """Losses, in a power of the ratings' unit, in the user's units; infinite where float64 does not hold them."""
    with np.errstate(over="ignore"):
        return losses if units == ORDINARY else losses * np.float64(units[1]) ** power
