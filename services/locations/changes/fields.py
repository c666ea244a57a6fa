"""Reads the shared fields of a sync write: what does not fit is named by field and rule, never by value."""

from collections.abc import Mapping
from typing import Any

import msgspec

from libs.web.binding import told_by_struct
from services.locations.errors import FieldNotAllowed
from services.locations.rules.synced import SharedFields


def parsed(fields: Mapping[str, Any]) -> SharedFields:
    """Check the fields of a write. Raises FieldNotAllowed for the first that does not fit."""
    try:
        return msgspec.convert(fields, SharedFields)
    except msgspec.ValidationError as wrong:
        field, _, rule = told_by_struct(str(wrong)).partition(": ")
        raise FieldNotAllowed(field, rule) from wrong
