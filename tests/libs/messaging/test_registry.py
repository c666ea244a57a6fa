"""Versions of messages: a minor is tolerated, an older major is lifted, an unknown one goes to the dead letters."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from libs.messaging.message import Message
from libs.messaging.outcome import Unprocessable
from libs.messaging.registry import AlreadyRegistered, Registry, Schema

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


class Moved(BaseModel):
    where: str


REGISTRY = Registry(
    Schema(
        "moved",
        Moved,
        "It moved",
        major=3,
        lifts={1: lambda body: {**body, "place": body["at"]}, 2: lambda body: {**body, "where": body["place"]}},
    )
)


def message(body: object, kind: str = "moved") -> Message:
    return Message("m", kind, body if isinstance(body, str) else json.dumps(body), {"a": "b"}, 2, AT, "q", "g")


@pytest.mark.parametrize(
    "body",
    [{"at": "A"}, {"version": "1.7", "at": "A"}, {"version": "2.0", "place": "A"}, {"version": "3.1", "where": "A"}],
)
def test_every_version_there_was_is_read_as_the_newest(body: dict[str, str]) -> None:
    lifted = REGISTRY.lifted(message(body))
    assert Moved.model_validate_json(lifted.body) == Moved(where="A")
    assert (lifted.id, lifted.attributes, lifted.attempt, lifted.group) == ("m", {"a": "b"}, 2, "g")


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("4.0", "version: major 4 of moved, known is 1 to 3"),
        ("0.1", "major 0"),
        ("newest", "not major.minor"),
        ("9" * 5000, "not major.minor"),
    ],
)
def test_a_version_nobody_can_read_is_refused_with_its_reason(version: str, told: str) -> None:
    with pytest.raises(Unprocessable, match=told):
        REGISTRY.lifted(message({"version": version, "where": "A"}))


@pytest.mark.parametrize("body", ["[1]", "no json", "[" * 100_000, {"version": "9.0"}])
def test_what_is_not_registered_or_no_object_is_left_to_the_handler(body: object) -> None:
    kind = "unheard of" if isinstance(body, dict) else "moved"
    given = message(body, kind)
    assert REGISTRY.lifted(given) is given


def test_a_type_has_one_schema_and_lifts_without_a_gap() -> None:
    with pytest.raises(AlreadyRegistered):
        Registry(Schema("moved", Moved, ""), Schema("moved", Moved, ""))
    with pytest.raises(ValueError, match="one major to the next"):
        Schema("moved", Moved, "", major=3, lifts={1: lambda body: body})
