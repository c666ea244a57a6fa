"""What a service says about its doors: path, handler, who may enter, and what can go wrong."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

import orjson

Answer = TypeVar("Answer")
Handler = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a caller must bring: any one of the roles and, if named, the scope."""

    roles: frozenset[str]
    scope: str | None = None
    is_open: bool = False

    def __post_init__(self) -> None:
        if bool(self.roles) == self.is_open:
            raise ValueError("a door has a role or is open, never both, never neither")

    @classmethod
    def role(cls, *roles: str, scope: str | None = None) -> Self:
        """Ask for any one of these roles."""
        return cls(frozenset(roles), scope)


OPEN = Needs(frozenset(), is_open=True)


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path; the handler's signature says the rest (see `binding`)."""

    method: str
    path: str
    handler: Handler
    needs: Needs
    status: int = field(default=200, kw_only=True)
    # Other statuses of success that a `Reply` may choose.
    also: Sequence[int] = field(default=(), kw_only=True)
    summary: str = field(default="", kw_only=True)
    problems: Sequence[type[Exception]] = field(default=(), kw_only=True)
    tags: Sequence[str] = field(default=(), kw_only=True)
    deprecated: bool = field(default=False, kw_only=True)
    # Go with every answer of this door, refusals included.
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    omit_none: bool = field(default=True, kw_only=True)
    # Answers under its path with a slash at the end too; clients of the original send both.
    slash: bool = field(default=False, kw_only=True)
    # For doors that are slow by nature; without it, as long as any (`HttpLimits.request_seconds_max`).
    seconds_max: float | None = field(default=None, kw_only=True)
    # The answer carries an `ETag`; for the document, as the kit compares whatever tag an answer has.
    tagged: bool = field(default=False, kw_only=True)
    # Shown in the document only; for handlers that answer `Reply` or `JsonBytes`.
    answers: Any = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Reply(Generic[Answer]):
    """An answer that also chooses its status or headers."""

    value: Answer
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class JsonBytes(bytes):
    """JSON that is serialised already and goes out as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `id` is what the browser says it saw last (`Last-Event-ID`) when it comes again."""

    text: str
    name: str | None = None
    id: str | None = None

    @classmethod
    def json(cls, value: object, *, name: str | None = None, id: str | None = None) -> Self:  # noqa: A002 - SSE's word
        """Make an event of what can be written as JSON."""
        return cls(orjson.dumps(value, default=str).decode(), name, id)


@dataclass(frozen=True, slots=True)
class Events:
    """An answer that is a stream; the generator is closed when the caller goes, the time is up or the process stops."""

    source: AsyncGenerator[Event, None]
