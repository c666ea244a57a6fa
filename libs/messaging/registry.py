"""What each type of message looks like, version by version: which model reads it, and how an older form is lifted.

A version is `major.minor` in the body (missing: 1.0). A minor may only add; readers ignore what they do not know. A new
major is another form: a reader has a model for the newest and a pure function from each older one to the next.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import BaseModel

from libs.messaging.message import Message
from libs.messaging.outcome import Unprocessable

VERSION = "version"
FIRST = 1
MAJOR_DIGITS_MAX = 4
Lift = Callable[[dict[str, Any]], dict[str, Any]]
NO_LIFTS: Mapping[int, Lift] = MappingProxyType({})


class AlreadyRegistered(Exception):
    """Two forms were given for one type of message."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"{event_type} is registered already")


@dataclass(frozen=True, slots=True)
class Schema:
    """The newest form of a type; `lifts[n]` turns a body of major n into one of n + 1."""

    event_type: str
    model: type[BaseModel]
    summary: str
    major: int = FIRST
    lifts: Mapping[int, Lift] = field(default_factory=lambda: NO_LIFTS)

    def __post_init__(self) -> None:
        if self.lifts and set(self.lifts) != set(range(min(self.lifts), self.major)):
            raise ValueError(f"{self.event_type}: lifts must lead from one major to the next, up to {self.major}")

    @property
    def majors(self) -> range:
        """Those that can be read."""
        return range(min(self.lifts, default=self.major), self.major + 1)


class Registry:
    """Schemas by type of message; not changed once made."""

    def __init__(self, *schemas: Schema) -> None:
        found: dict[str, Schema] = {}
        for schema in schemas:
            if schema.event_type in found:
                raise AlreadyRegistered(schema.event_type)
            found[schema.event_type] = schema
        self._schemas = MappingProxyType(found)

    @property
    def schemas(self) -> tuple[Schema, ...]:
        """All of them, in alphabetical order."""
        return tuple(self._schemas[name] for name in sorted(self._schemas))

    def lifted(self, message: Message) -> Message:
        """Return the message with a body of the newest form. Raises Unprocessable for a version nobody can read.

        A type that is not registered, and a body that is no JSON object, are left to the handler.
        """
        schema = self._schemas.get(message.type)
        body = _object(message.body) if schema else None
        if schema is None or body is None:
            return message
        major = major_of(body)
        if major not in schema.majors:
            known = f"{schema.majors.start} to {schema.major}" if len(schema.majors) > 1 else str(schema.major)
            raise Unprocessable(f"version: major {major} of {message.type}, known is {known}")
        if major == schema.major:
            return message
        for step in range(major, schema.major):
            body = schema.lifts[step](body)
        return Message(
            id=message.id,
            type=message.type,
            body=json.dumps({**body, VERSION: f"{schema.major}.0"}),
            attributes=message.attributes,
            attempt=message.attempt,
            sent_at=message.sent_at,
            queue=message.queue,
            group=message.group,
        )


def major_of(body: Mapping[str, Any]) -> int:
    """Read the major version; one that is missing is 1. Raises Unprocessable for what is no version."""
    told = str(body.get(VERSION) or f"{FIRST}.0")
    major = told.partition(".")[0]
    if not (major.isascii() and major.isdigit() and len(major) <= MAJOR_DIGITS_MAX):
        raise Unprocessable("version: not major.minor")
    return int(major)


def _object(body: str) -> dict[str, Any] | None:
    try:
        # Unlike the standard library's, it refuses what is nested too deep as it refuses any other nonsense.
        content = orjson.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
