"""Envelopes of every kind, and what is no message at all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.messaging.envelope import Undecodable, opened
from libs.messaging.queue import Delivery

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def delivery(body: Any, **attributes: str) -> Delivery:
    text = body if isinstance(body, str) else json.dumps(body)
    return Delivery("r", "sqs-id", text, attributes, 2, AT, "K")


def notification(**changed: Any) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": "sns-id",
        "TopicArn": "arn:aws:sns:eu-west-2:000000000000:events",
        "Message": '{"n": 1}',
        "MessageAttributes": {"eventType": {"Type": "String", "Value": "made"}},
        **changed,
    }


def test_a_notification_gives_its_inner_message_and_id() -> None:
    message = opened(delivery(notification()), "q")
    assert (message.id, message.type, message.body) == ("sns-id", "made", '{"n": 1}')
    assert (message.attempt, message.queue, message.group) == (2, "q", "K")


def test_our_own_event_id_is_the_id_as_it_survives_a_second_publish() -> None:
    attributes = {"eventType": {"Type": "String", "Value": "made"}, "eventId": {"Type": "String", "Value": "e-1"}}
    assert opened(delivery(notification(MessageAttributes=attributes)), "q").id == "e-1"


def test_a_raw_delivery_has_its_type_in_an_attribute() -> None:
    message = opened(delivery({"n": 1}, eventType="made"), "q")
    assert (message.id, message.type, message.body) == ("sqs-id", "made", '{"n": 1}')


def test_an_internal_body_has_its_type_in_itself() -> None:
    message = opened(delivery({"Type": "SETTLE", "id": "x"}), "q")
    assert (message.type, json.loads(message.body)["id"]) == ("SETTLE", "x")


def test_an_attribute_goes_before_the_type_in_the_body() -> None:
    assert opened(delivery({"Type": "SETTLE"}, eventType="made"), "q").type == "made"


@pytest.mark.parametrize("missing", ["MessageId", "TopicArn", "Message"])
def test_what_only_resembles_an_envelope_is_taken_as_it_is(missing: str) -> None:
    body = notification()
    del body[missing]
    message = opened(delivery(body, eventType="made"), "q")
    assert message.id == "sqs-id"


@pytest.mark.parametrize(
    "broken",
    ["", "not json", "{", "[]", "1", "null", '"text"', {"n": 1}, notification(MessageAttributes={}), {"Type": 7}],
)
def test_what_has_no_type_is_undecodable(broken: Any) -> None:
    with pytest.raises(Undecodable):
        opened(delivery(broken), "q")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["Type", "Message", "MessageId", "TopicArn", "MessageAttributes", "eventType", "x"]),
                inner,
            )
            | st.lists(inner)
        ),
        max_leaves=12,
    )
    | st.text()
)
def test_any_body_is_either_a_message_or_undecodable(body: Any) -> None:
    try:
        message = opened(delivery(body), "q")
    except Undecodable:
        return
    assert isinstance(message.type, str)
    assert isinstance(message.id, str)
    assert isinstance(message.body, str)
