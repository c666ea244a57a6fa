"""Reads what was posted into a model, or says in sentences what is wrong with it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from multidict import MultiMapping
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from services.staff_ui.forms.fields import Fault, Field

Model = TypeVar("Model", bound=BaseModel)
PARTS = ("day", "month", "year")
# A rule that looks at several fields names the one it is said at.
AT = "at_"
# How pydantic calls an answer that is not there, or is none of those offered.
NOTHING = frozenset({"missing", "string_too_short", "too_short", "enum", "literal_error"})
WHOLE, REAL = "must be a whole number, like 2", "must be a real date, like 27 3 2027"
SENTENCES = MappingProxyType(
    {
        "string_too_long": "must be {max_length} characters or fewer",
        "int_parsing": WHOLE,
        "int_parsing_size": WHOLE,
        "int_from_float": WHOLE,
        "greater_than_equal": "must be {ge} or more",
        "less_than_equal": "must be {le} or fewer",
        "date_parsing": REAL,
        "date_from_datetime_parsing": REAL,
        "date_from_datetime_inexact": REAL,
    }
)


class Answers(Generic[Model]):
    """What was posted: as text, to show it again, and as a model where it is right."""

    def __init__(self, values: Mapping[str, Any], model: Model | None, faults: Sequence[Fault]) -> None:
        self.values = values
        self.model = model
        self.faults = faults

    def told(self, field: Field) -> str:
        """Write the answer to a question as it was understood, else as it was given."""
        return field.told(getattr(self.model, field.name) if self.model else self.values[field.name])


def at(field: str, text: str) -> PydanticCustomError:
    """Make the error of a rule between fields, said at one of them."""
    return PydanticCustomError(f"{AT}{field}", "{text}", {"text": text})


def read(kind: type[Model], fields: Sequence[Field], posted: MultiMapping[str]) -> Answers[Model]:
    """Read all fields of a form."""
    values = {field.name: _value(field, posted) for field in fields}
    given = {name: value for name, value in values.items() if value not in ("", [], None)}
    try:
        return Answers(values, kind.model_validate(given), ())
    except ValidationError as refused:
        named = {field.name: field for field in fields}
        return Answers(values, None, tuple(_faults(refused.errors(), named)))


def _faults(errors: Sequence[ErrorDetails], fields: Mapping[str, Field]) -> list[Fault]:
    found: dict[str, Fault] = {}
    for error in errors:
        at_field = error["type"].startswith(AT)
        name = error["type"].removeprefix(AT) if at_field else str(error["loc"][0]) if error["loc"] else ""
        field = fields.get(name)
        text = error["msg"] if at_field or field is None else sentence(field, error)
        # One sentence a field: the first that is wrong.
        found.setdefault(name, Fault(field.anchor if field else "", text, name))
    order = {name: place for place, name in enumerate(fields)}
    return sorted(found.values(), key=lambda fault: order.get(fault.name, len(order)))


def sentence(field: Field, error: ErrorDetails) -> str:
    """Say in GOV.UK's words what is wrong with one answer."""
    kind = error["type"]
    if kind in NOTHING:
        verb = "Select" if field.choices else "Enter"
        return field.missing or f"{verb} {field.label[:1].lower()}{field.label[1:]}"
    if kind in SENTENCES:
        return f"{field.subject} {SENTENCES[kind].format(**error.get('ctx', {}))}"
    return field.form or f"{field.subject} is not in the right form"


def _value(field: Field, posted: MultiMapping[str]) -> str | list[str]:
    match field.kind:
        case "checkboxes":
            return list(dict.fromkeys(posted.getall(field.name, [])))
        case "date":
            parts = [posted.get(f"{field.name}-{part}", "").strip() for part in PARTS]
            return _day(parts) if any(parts) else ""
        case "textarea":
            return posted.get(field.name, "").strip().replace("\r\n", "\n")
        case _:
            # Below a choice that was made, or carried from the page where it was.
            below = posted.get(field.below(posted.get(field.under, ""))) if field.under else None
            return " ".join((posted.get(field.name, "") if below is None else below).split())


def _day(parts: Sequence[str]) -> str:
    day, month, year = parts
    if all(part.isascii() and part.isdigit() for part in parts) and len(year) == len("2027"):
        return f"{year}-{int(month):02}-{int(day):02}"
    # Not a date, and shown again as it was typed.
    return "/".join(parts)


def parts_of(value: object) -> tuple[str, str, str]:
    """Take a date apart for its three boxes."""
    text = str(value or "")
    if "/" in text:
        day, month, year = [*text.split("/"), "", "", ""][:3]
    else:
        year, month, day = [*text.split("-"), "", "", ""][:3]
        day, month = day.lstrip("0"), month.lstrip("0")
    return day, month, year
