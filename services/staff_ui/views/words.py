"""How values are written on pages: dates, numbers, codes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from markupsafe import Markup

from libs.domain.counting import counted
from libs.domain.wire import LONDON


def when(text: str) -> str:
    """Write a moment, London's where it names no zone, as GOV.UK does: "24 November 2026 at 5:06pm"."""
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(LONDON) if moment.tzinfo else moment
    half = "am" if moment.hour < 12 else "pm"  # noqa: PLR2004 - noon
    return f"{moment.day} {moment:%B %Y} at {moment.hour % 12 or 12}:{moment:%M}{half}"


def moment(text: str) -> str:
    """Write a moment to the second, as a run of the migration is named after it: "24 November 2026 at 5:06:07pm"."""
    at = datetime.fromisoformat(text)
    return when(text).replace(f":{at:%M}", f":{at:%M:%S}") if not at.tzinfo else when(text)


def day(text: str) -> str:
    """Write a date: "24 November 2026"."""
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


def sentence(text: str) -> str:
    """Begin with a capital what a service said in the middle of a sentence of its own."""
    return text[:1].upper() + text[1:]


def number(value: int) -> str:
    """Write a number with commas in it: "1,234"."""
    return f"{value:,}"


def breakable(text: str) -> Markup:
    """Let a long name with dots in it break after each of them."""
    return Markup(".<wbr>").join(Markup.escape(part) for part in text.split("."))


FILTERS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "when": when,
        "moment": moment,
        "day": day,
        "sentence": sentence,
        "number": number,
        "counted": counted,
        "breakable": breakable,
    }
)
