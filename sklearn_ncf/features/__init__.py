"""Features of users and items: from columns of a table to what they say of an id's vector and bias."""

from sklearn_ncf.features._description import Description
from sklearn_ncf.features._frames import feature_frame, pack_frame, unpack_frame, updated_frame
from sklearn_ncf.features._kinds import Block, Categories, NumberColumns, Numbers, ValueLists
from sklearn_ncf.features._prior import RATINGS
from sklearn_ncf.features._roles import ColumnRoles, roles_of

__all__ = [
    "RATINGS",
    "Block",
    "Categories",
    "ColumnRoles",
    "Description",
    "NumberColumns",
    "Numbers",
    "ValueLists",
    "feature_frame",
    "pack_frame",
    "roles_of",
    "unpack_frame",
    "updated_frame",
]
