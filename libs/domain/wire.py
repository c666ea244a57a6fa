"""How our models look on the wire: camelCase JSON, unknown members ignored, frozen once read."""

import re
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

LONDON = ZoneInfo("Europe/London")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


class Wire(BaseModel):
    """A frozen model with camelCase JSON names; snake_case names are accepted from our own code."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


def _no_number(value: object) -> object:
    """Refuse what pydantic would read as seconds since 1970: whoever sends a number means something else."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        raise ValueError("a date is expected, as in 2024-09-30, or 2024-09-30T10:15:30")
    return value


def _in_london(value: datetime) -> datetime:
    try:
        return value if value.tzinfo is None else value.astimezone(LONDON).replace(tzinfo=None)
    except OverflowError as beyond:
        raise ValueError("a year between 1 and 9999 is expected") from beyond


Day = Annotated[date, BeforeValidator(_no_number)]
Moment = Annotated[datetime, BeforeValidator(_no_number)]
"""With or without a zone, as it was sent."""
LondonMoment = Annotated[datetime, BeforeValidator(_no_number), AfterValidator(_in_london)]
"""London's clock, without a zone: what was sent without one is London's already (design §6.9)."""
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""What an `integer` column holds."""
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""What a `bigint` column holds."""
RowNumber = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""The number of a row, or a place between rows."""
