"""Makes hostile messages of good ones: cut short, of wrong types, of strange kinds, huge, empty, oddly wrapped."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from libs.messaging.queue import Parcel

HUGE = 200_000
DEEP = 2_000
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1e308,
    "",
    " ",
    "\x00",
    "💥" * 50,
    "'; DROP TABLE location; --",
    "<script>alert(1)</script>",
    [],
    {},
    [[]],
    "no uuid",
    "2024-13-45T99:99:99",
)


@dataclass(frozen=True)
class Good:
    """A message as its sender sends it."""

    type: str
    body: Mapping[str, Any]
    enveloped: bool

    def parcel(self) -> Parcel:
        """Write it as it comes off the queue."""
        raw = json.dumps(self.body)
        return Parcel(envelope(self.type, raw) if self.enveloped else raw, {"eventType": self.type})


def envelope(kind: str, inner: str) -> str:
    """Wrap a body as SNS does."""
    attributes = {"eventType": {"Type": "String", "Value": kind}}
    told = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": inner}
    return json.dumps({**told, "MessageAttributes": attributes})


def hostile(good: Sequence[Good], count: int, chance: Random) -> list[Parcel]:
    """Make so many of them; no two seeds alike, one seed always the same."""
    return [chance.choice(MUTATIONS)(chance.choice(good), chance) for _ in range(count)]


def _cut(good: Good, chance: Random) -> Parcel:
    parcel = good.parcel()
    return Parcel(parcel.body[: chance.randrange(len(parcel.body))], parcel.attributes)


def _wrong_type(good: Good, chance: Random) -> Parcel:
    return _with(good, _replaced(good.body, chance, chance.choice(JUNK)))


def _dropped(good: Good, chance: Random) -> Parcel:
    return _with(good, _replaced(good.body, chance, _GONE))


def _other_whole(good: Good, chance: Random) -> Parcel:
    return _with(good, chance.choice(JUNK))


def _unknown_kind(good: Good, chance: Random) -> Parcel:
    kind = chance.choice(("", "x" * 200, "location.inside.prison.exploded", "AGENCY-UPDATED", good.type.lower() + "?"))
    return Parcel(envelope(kind, json.dumps(good.body)), {"eventType": kind} if kind else {})


def _unknown_version(good: Good, chance: Random) -> Parcel:
    return _with(good, {**good.body, "version": chance.choice(("99", 2, None, "1.0.0-x"))})


def _huge(good: Good, chance: Random) -> Parcel:
    return _with(good, _replaced(good.body, chance, "x" * HUGE))


def _deep(good: Good, chance: Random) -> Parcel:
    depth = chance.randrange(DEEP)
    raw = "[" * depth + "]" * depth
    return Parcel(envelope(good.type, raw) if good.enveloped else raw, {"eventType": good.type})


def _empty(good: Good, chance: Random) -> Parcel:
    return Parcel(chance.choice((" ", "null", "[]", "{}", '""', "0")), {"eventType": good.type})


def _other_wrapping(good: Good, chance: Random) -> Parcel:
    raw = json.dumps(good.body)
    bodies = (raw, envelope(good.type, raw), envelope(good.type, envelope(good.type, raw)), json.dumps(raw))
    return Parcel(chance.choice(bodies), {"eventType": good.type})


def _odd_envelope(good: Good, chance: Random) -> Parcel:
    wrapped = json.loads(envelope(good.type, json.dumps(good.body)))
    return Parcel(json.dumps(_replaced(wrapped, chance, chance.choice(JUNK))), {"eventType": good.type})


def _ids_as_words(good: Good, chance: Random) -> Parcel:
    return _with(good, _swapped(good.body, chance))


def _no_attribute(good: Good, chance: Random) -> Parcel:  # noqa: ARG001 - one signature for all
    return Parcel(json.dumps(good.body), {})


MUTATIONS: tuple[Callable[[Good, Random], Parcel], ...] = (
    _cut,
    _wrong_type,
    _dropped,
    _other_whole,
    _unknown_kind,
    _unknown_version,
    _huge,
    _deep,
    _empty,
    _other_wrapping,
    _odd_envelope,
    _ids_as_words,
    _no_attribute,
)
_GONE = object()


def _with(good: Good, body: Any) -> Parcel:
    raw = json.dumps(body)
    return Parcel(envelope(good.type, raw) if good.enveloped else raw, {"eventType": good.type})


def _replaced(body: Any, chance: Random, value: Any) -> Any:
    """Copy, with one value somewhere in it replaced, or gone."""
    if isinstance(body, Mapping) and body:
        name = chance.choice(sorted(body))
        if isinstance(body[name], Mapping) and chance.random() < 0.7:
            return {**body, name: _replaced(body[name], chance, value)}
        return {key: each for key, each in {**body, name: value}.items() if each is not _GONE}
    return None if value is _GONE else value


def _swapped(body: Any, chance: Random) -> Any:
    """Copy, with numbers as words and words as numbers here and there."""
    if isinstance(body, Mapping):
        return {name: _swapped(value, chance) for name, value in body.items()}
    if chance.random() < 0.5 or isinstance(body, bool) or body is None:
        return body
    return str(body) if isinstance(body, int) else len(str(body))
