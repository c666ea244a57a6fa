"""The fields of forms: what each is called and says, apart from what may be in it (that is its model's business)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Literal

from libs.domain.codes import Described

Kind = Literal["text", "number", "textarea", "radios", "checkboxes", "date"]


@dataclass(frozen=True)
class Choice:
    """One of several."""

    value: str
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Field:
    """One question; `called` begins the sentences about its answer, `missing` is the sentence when there is none."""

    name: str
    label: str
    kind: Kind = "text"
    called: str = ""
    missing: str = ""
    hint: str = ""
    choices: Sequence[Choice] = ()
    classes: str = ""
    # Said when the answer has the wrong form.
    form: str = ""
    # What no answer means.
    nothing: str = ""
    # The radios below whose choices it is asked, and its label below each; a script shows it with its choice only.
    under: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def subject(self) -> str:
        """Begin a sentence about it."""
        return self.called or self.label

    @property
    def anchor(self) -> str:
        """Name the element that an error links to: the first of several."""
        return f"{self.name}-day" if self.kind == "date" else self.name

    def below(self, choice: str) -> str:
        """Name its box below a choice: each has its own, or what was meant for one would be said of another."""
        return f"{self.name}-{choice}"

    def told(self, value: object) -> str:
        """Write an answer as people read it."""
        if value in (None, "", [], ()):
            return self.nothing
        if self.kind == "date":
            return _day(str(value))
        texts = {choice.value: choice.text for choice in self.choices}
        given = [_posted(each) for each in (value if isinstance(value, (list, tuple)) else [value])]
        # A person's order means nothing where there are choices.
        return ", ".join([text for each, text in texts.items() if each in given] if texts else given)


@dataclass(frozen=True)
class Fault:
    """One thing wrong: the anchor of its field, empty for the whole form, and a sentence."""

    field: str
    text: str
    name: str = ""


def _posted(value: object) -> str:
    """Write a value as a form posts it."""
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day.day} {day:%B %Y}"


def choices_of(codes: Sequence[Described]) -> tuple[Choice, ...]:
    """Offer codes, by their place in lists, those without one by their text."""
    ordered = sorted(codes, key=lambda code: (code.sequence, code.description))
    return tuple(Choice(code.value, code.description) for code in ordered)
