"""One location as its page shows it, and what may be done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from libs.domain.attributes import Attribute
from libs.domain.codes import (
    NON_RESIDENTIAL_TYPES,
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    Described,
    LocationType,
    ResidentialHousingType,
    SpecialistCellType,
    UsageType,
    UsedForType,
)
from libs.domain.shared import Field
from services.staff_ui.views.words import day

Json = Mapping[str, Any]
TAGS = MappingProxyType(
    {"ACTIVE": ("Active", "green"), "INACTIVE": ("Inactive", "grey"), "NON_RESIDENTIAL": ("Non-residential", "blue")}
)
# How the values of a field are read by people; the rest are words or numbers.
CODES: Mapping[str, type[Described]] = MappingProxyType(
    {
        Field.LOCATION_TYPE: LocationType,
        Field.HOUSING_TYPE: ResidentialHousingType,
        Field.ATTRIBUTES: Attribute,
        Field.DEACTIVATED_REASON: DeactivatedReason,
    }
)
DATES = frozenset({Field.DEACTIVATED_DATE, Field.PROPOSED_REACTIVATION_DATE})


@dataclass(frozen=True)
class Place:
    """A location, as the API answered it, with the version that was read."""

    json: Json
    etag: str = ""

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.json["id"])

    @property
    def prison_id(self) -> str:
        """The prison it is in."""
        return str(self.json["prisonId"])

    @property
    def key(self) -> str:
        """The name that every system knows it by: LEI-A-1-001."""
        return str(self.json["key"])

    @property
    def path(self) -> str:
        """Where it stands within the prison: A-1-001."""
        return str(self.json["pathHierarchy"])

    @property
    def name(self) -> str:
        """Return what people call it, else its path."""
        return str(self.json.get("localName") or self.path)

    @property
    def url(self) -> str:
        """Its page."""
        return f"/locations/{self.id}"

    @property
    def kind(self) -> str:
        """What it is, as people read it."""
        if self.converted:
            return "Converted cell"
        return LocationType(self.json["locationType"]).description

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell in which people can live."""
        return self.json["locationType"] == LocationType.CELL and not self.converted

    @property
    def converted(self) -> bool:
        """Whether it is a cell that is a room at present."""
        return self.json.get("convertedCellType") is not None

    @property
    def is_residential(self) -> bool:
        """Whether people live in it, or below it."""
        return self.json["locationType"] not in NON_RESIDENTIAL_TYPES or self.converted

    @property
    def archived(self) -> bool:
        """Whether it is closed for good."""
        return bool(self.json.get("permanentlyInactive"))

    @property
    def active(self) -> bool:
        """Whether it is in use."""
        return bool(self.json["active"])

    @property
    def closed_itself(self) -> bool:
        """Whether it was taken out of use itself and can be brought back by itself."""
        return not self.active and not self.archived and not self.json.get("deactivatedByParent")

    @property
    def tag(self) -> dict[str, str]:
        """Return its state in a word and a colour."""
        if self.archived:
            return {"text": "Archived", "classes": "govuk-tag--red"}
        text, colour = TAGS[self.json["status"]]
        return {"text": text, "classes": f"govuk-tag--{colour}"}

    @property
    def working(self) -> int:
        """How many people it is to hold in use."""
        return int(self.json.get("capacity", {}).get("workingCapacity", 0))

    @property
    def maximum(self) -> int:
        """How many people it can hold."""
        return int(self.json.get("capacity", {}).get("maxCapacity", 0))

    @property
    def certified(self) -> int:
        """How many people its certificates speak of."""
        return int(self.json.get("certification", {}).get("capacityOfCertifiedCell", 0))

    @property
    def reason(self) -> str:
        """Return why it is out of use."""
        code = self.json.get("deactivatedReason")
        if not code:
            return str(self.json.get("permanentlyInactiveReason", ""))
        text = described(DeactivatedReason, [code])
        more = self.json.get("deactivationReasonDescription")
        return f"{text} – {more}" if more else text

    @property
    def used_for(self) -> str:
        """Return what it is used for."""
        return described(UsedForType, self.json.get("usedFor", ()))

    @property
    def cell_types(self) -> str:
        """Return what kinds of cell it is, or are below it."""
        return described(SpecialistCellType, self.json.get("specialistCellTypes", ()))

    @property
    def accommodation(self) -> str:
        """Return what kind of accommodation it is."""
        return described(AccommodationType, self.json.get("accommodationTypes", ()))

    @property
    def converted_to(self) -> str:
        """Return what room a converted cell is."""
        code = self.json.get("convertedCellType")
        other = self.json.get("otherConvertedCellType")
        return "" if not code else str(other or ConvertedCellType(code).description)

    @property
    def usages(self) -> str:
        """Return the uses of a non-residential location."""
        return described(UsageType, [usage["usageType"] for usage in self.json.get("usage", ())])


def described(codes: type[Described], values: Sequence[str]) -> str:
    """Write codes as people read them; one that we do not know is written as it is."""
    known = {code.value: code.description for code in codes}
    return ", ".join(known.get(value, value) for value in values)


@dataclass(frozen=True)
class Seen:
    """Whether NOMIS holds the same: a word, a colour, and what differs."""

    text: str
    colour: str
    reason: str = ""
    differences: tuple[Mapping[str, str], ...] = ()


NOT_SEEN = Seen("Cannot be checked right now", "grey")


def seen_of(answer: Json) -> Seen:
    """Say what reconciliation's look saw."""
    if answer.get("finding") is None:
        return Seen("Same in NOMIS", "green")
    differing = tuple(
        {
            "field": words(each["field"]),
            "dps": told(each["field"], each.get("dps")),
            "nomis": told(each["field"], each.get("nomis")),
        }
        for each in answer.get("fields", ())
        if each["differs"]
    )
    missing = answer["finding"] == "MISSING_IN_NOMIS"
    return Seen("Not in NOMIS" if missing else "Different in NOMIS", "yellow", str(answer.get("reason", "")), differing)


def words(name: str) -> str:
    """Write a field's name as words: `maxCapacity` is "Max capacity"."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced[:1].upper() + spaced[1:]


def told(field: str, raw: object) -> str:
    """Write what a side has in a field for people: codes as their texts, dates as dates."""
    if raw is None or raw in ("", []):
        return value(raw)
    if codes := CODES.get(field):
        return described(codes, [str(each) for each in (raw if isinstance(raw, list) else [raw])])
    if field in DATES:
        return day(str(raw))
    if field == Field.USAGES and isinstance(raw, list):
        return "; ".join(_usage(each) for each in raw)
    return value(raw)


def _usage(usage: Json) -> str:
    text = described(UsageType, [str(usage.get("usageType"))])
    return f"{text}, capacity {usage['capacity']}" if usage.get("capacity") else text


def value(raw: object) -> str:
    """Write a value of any kind for people."""
    if isinstance(raw, (list, tuple)):
        return ", ".join(value(each) for each in raw) or "None"
    if isinstance(raw, Mapping):
        return ", ".join(f"{words(str(name))}: {value(each)}" for name, each in raw.items())
    if raw is None or raw == "":
        return "None"
    if isinstance(raw, bool):
        return "Yes" if raw else "No"
    return str(raw)


@dataclass(frozen=True)
class Line:
    """One entry of the timeline: what changed at one moment by one person."""

    at: str
    by: str
    changes: tuple[Mapping[str, str], ...]


def timeline(history: Sequence[Json], most: int) -> tuple[Line, ...]:
    """Gather the changes of one moment and person into one entry; newest first."""
    lines: list[Line] = []
    for entry in history:
        change = {
            "what": str(entry["attribute"]),
            "old": str(entry.get("oldValue") or ""),
            "new": str(entry.get("newValue") or ""),
        }
        at, by = str(entry["amendedDate"]), str(entry.get("amendedBy") or "unknown")
        if lines and (lines[-1].at, lines[-1].by) == (at, by):
            lines[-1] = Line(at, by, (*lines[-1].changes, change))
        elif len(lines) == most:
            break
        else:
            lines.append(Line(at, by, (change,)))
    return tuple(lines)
