"""What every broker does, be it the one in memory or a real one behind the adapters.

A subclass named `Test…` gives the fixture `messaging`: the `TOPOLOGY` below, empty for each test.
"""

import json
from typing import Protocol

import pytest

from libs.messaging.envelope import opened
from libs.messaging.queue import (
    MESSAGE_BYTES_MAX,
    PUBLISH_BYTES_MAX,
    Delivery,
    Parcel,
    Queue,
    QueueGone,
    Topic,
)
from libs.messaging.topology import Topology

TOPOLOGY = Topology.model_validate_json(
    json.dumps(
        {
            "topics": {"events": {}, "ordered-events.fifo": {}},
            "queues": {
                name: {
                    "visibilitySeconds": 30,
                    "retentionSeconds": 3600,
                    "backoffSeconds": [1],
                    "maxReceiveCount": 3,
                    "deadLetter": {"retentionSeconds": 7200},
                    "subscriptions": [{"topic": topic, "raw": raw, "filter": rules}],
                }
                for name, topic, raw, rules in (
                    ("work", "events", False, {"eventType": ["made", "gone"]}),
                    (
                        "strict",
                        "events",
                        False,
                        {"eventType": ["made"], "source": [{"anything-but": ["NOMIS"]}, {"exists": False}]},
                    ),
                    ("raw", "events", True, {"eventType": [{"prefix": "ma"}]}),
                    ("ordered.fifo", "ordered-events.fifo", False, {}),
                )
            },
        }
    )
)


class Broker(Protocol):
    def queue(self, name: str) -> Queue: ...

    def topic(self, name: str) -> Topic: ...


async def received(queue: Queue, count: int = 10, visibility: int = 30, wait: int = 10) -> list[Delivery]:
    """As many as come; long polls may bring fewer than there are."""
    found: list[Delivery] = []
    while len(found) < count:
        got = await queue.receive(min(10, count - len(found)), wait_seconds=wait, visibility_seconds=visibility)
        if not got:
            break
        found += got
    return found


async def only(queue: Queue, visibility: int = 30) -> Delivery:
    [delivery] = await received(queue, 1, visibility)
    return delivery


class QueueContract:
    """The sentences."""

    @pytest.fixture
    def queue(self, messaging: Broker) -> Queue:
        return messaging.queue("work")

    async def test_what_is_sent_is_received_with_its_attributes(self, queue: Queue) -> None:
        assert await queue.send([Parcel("one", {"eventType": "made", "source": "DPS"})]) == [None]
        delivery = await only(queue)
        assert (delivery.body, delivery.receive_count) == ("one", 1)
        assert delivery.attributes == {"eventType": "made", "source": "DPS"}
        assert delivery.sent_at.tzinfo is not None

    async def test_an_empty_queue_gives_nothing(self, queue: Queue) -> None:
        assert await queue.receive(10, wait_seconds=0, visibility_seconds=30) == []

    async def test_a_received_message_is_hidden_and_a_deleted_one_gone(self, queue: Queue) -> None:
        await queue.send([Parcel("one")])
        delivery = await only(queue)
        assert await queue.receive(10, wait_seconds=0, visibility_seconds=30) == []
        assert await queue.delete([delivery.receipt]) == [None]
        depth = await queue.depth()
        assert (depth.visible, depth.in_flight) == (0, 0)

    async def test_a_message_comes_again_when_its_visibility_ends(self, queue: Queue) -> None:
        await queue.send([Parcel("one")])
        first = await only(queue, visibility=1)
        again = await only(queue)
        assert (again.message_id, again.receive_count) == (first.message_id, 2)
        assert again.receipt != first.receipt

    async def test_a_message_given_back_comes_at_once(self, queue: Queue) -> None:
        await queue.send([Parcel("one")])
        delivery = await only(queue)
        assert await queue.change_visibility([(delivery.receipt, 0)]) == [None]
        assert (await only(queue)).receive_count == 2

    async def test_a_longer_visibility_keeps_the_message_hidden(self, queue: Queue) -> None:
        await queue.send([Parcel("one")])
        # So long that the call which prolongs it surely comes before its end.
        delivery = await only(queue, visibility=3)
        assert await queue.change_visibility([(delivery.receipt, 30)]) == [None]
        assert await queue.receive(10, wait_seconds=4, visibility_seconds=30) == []

    async def test_a_lease_cannot_be_renewed_once_it_is_anothers(self, queue: Queue) -> None:
        await queue.send([Parcel("one")])
        first = await only(queue, visibility=0)
        await only(queue)
        [refusal] = await queue.change_visibility([(first.receipt, 30)])
        assert refusal is not None
        assert refusal.ours

    async def test_a_batch_answers_for_each_entry_in_order(self, queue: Queue) -> None:
        await queue.send([Parcel("one"), Parcel("two")])
        first, second = await received(queue, 2)
        await queue.delete([first.receipt])
        outcomes = await queue.change_visibility([(first.receipt, 5), (second.receipt, 5)])
        assert outcomes[0] is not None
        assert outcomes[1] is None

    async def test_ten_at_once_are_sent_received_and_deleted(self, queue: Queue) -> None:
        assert await queue.send([Parcel(f"{n}") for n in range(10)]) == [None] * 10
        deliveries = await received(queue, 10)
        assert {delivery.body for delivery in deliveries} == {f"{n}" for n in range(10)}
        assert await queue.delete([delivery.receipt for delivery in deliveries]) == [None] * 10

    async def test_after_its_receives_are_used_up_a_message_is_dead(self, queue: Queue, messaging: Broker) -> None:
        await queue.send([Parcel("one", {"eventType": "made"})])
        assert await queue.max_receives() == 3
        for _ in range(3):
            delivery = await only(queue)
            await queue.change_visibility([(delivery.receipt, 0)])
        assert await queue.receive(10, wait_seconds=0, visibility_seconds=30) == []
        dead = await only(messaging.queue("work-dlq"))
        assert (dead.message_id, dead.body, dead.attributes) == (delivery.message_id, "one", {"eventType": "made"})

    async def test_a_message_can_be_put_into_the_dead_letter_queue(self, queue: Queue, messaging: Broker) -> None:
        assert await queue.send_dead([Parcel("one", {"failureReason": "no such thing"})]) == [None]
        assert (await only(messaging.queue("work-dlq"))).attributes == {"failureReason": "no such thing"}

    async def test_a_long_poll_returns_when_a_message_shows(self, queue: Queue) -> None:
        await queue.send([Parcel("late", delay_seconds=2)])
        assert await queue.receive(10, wait_seconds=0, visibility_seconds=30) == []
        assert (await only(queue)).body == "late"

    async def test_depth_tells_waiting_and_hidden_apart(self, queue: Queue) -> None:
        await queue.send([Parcel("one"), Parcel("two"), Parcel("three")])
        await queue.receive(1, wait_seconds=0, visibility_seconds=30)
        depth = await queue.depth()
        assert (depth.visible, depth.in_flight) == (2, 1)

    async def test_a_purge_leaves_nothing(self, queue: Queue) -> None:
        await queue.send([Parcel("one"), Parcel("two")])
        await queue.receive(1, wait_seconds=0, visibility_seconds=30)
        await queue.purge()
        depth = await queue.depth()
        assert (depth.visible, depth.in_flight) == (0, 0)

    async def test_a_queue_that_is_not_there_says_so(self, messaging: Broker) -> None:
        with pytest.raises(QueueGone):
            await messaging.queue("nowhere").depth()

    async def test_a_topic_that_is_not_there_says_so(self, messaging: Broker) -> None:
        with pytest.raises(QueueGone):
            await messaging.topic("nowhere").publish([Parcel("one")])

    async def test_a_published_message_reaches_each_queue_whose_filter_lets_it(self, messaging: Broker) -> None:
        made = {"eventType": "made", "source": "DPS"}
        outcomes = await messaging.topic("events").publish(
            [
                Parcel('{"n": 1}', made),
                Parcel('{"n": 2}', {"eventType": "gone", "source": "DPS"}),
                Parcel('{"n": 3}', {"eventType": "made", "source": "NOMIS"}),
                Parcel('{"n": 4}', {"eventType": "made"}),
                Parcel('{"n": 5}', {"eventType": "other"}),
            ]
        )
        assert outcomes == [None] * 5
        assert await self.numbers(messaging.queue("work"), 4) == {1, 2, 3, 4}
        assert await self.numbers(messaging.queue("strict"), 2) == {1, 4}
        assert await self.numbers(messaging.queue("raw"), 3) == {1, 3, 4}

    async def test_envelope_and_raw_delivery_give_the_same_message(self, messaging: Broker) -> None:
        attributes = {"eventType": "made", "source": "DPS", "eventId": "e-1"}
        await messaging.topic("events").publish([Parcel('{"n": 1}', attributes, group="K-1")])
        enveloped = opened(await only(messaging.queue("work")), "q")
        raw = opened(await only(messaging.queue("raw")), "q")
        assert (enveloped.id, enveloped.type, enveloped.body) == ("e-1", "made", '{"n": 1}')
        assert (raw.id, raw.type, raw.body) == ("e-1", "made", '{"n": 1}')
        assert enveloped.attributes == raw.attributes == attributes

    async def test_a_topic_tells_its_making(self, messaging: Broker) -> None:
        first = await messaging.topic("events").generation()
        assert first is not None
        assert await messaging.topic("events").generation() == first

    async def test_what_no_broker_should_take_is_refused_and_the_rest_of_the_batch_goes_out(self, queue: Queue) -> None:
        wrong = [
            Parcel(""),
            Parcel("two\x01"),
            Parcel("three", {"a": ""}),
            Parcel("four", {f"a{n}": "x" for n in range(11)}),
            Parcel("x" * (MESSAGE_BYTES_MAX + 1)),
        ]
        outcomes = await queue.send([*wrong, Parcel("good")])
        assert [bool(refusal and refusal.ours) for refusal in outcomes] == [True] * len(wrong) + [False]
        assert (await only(queue)).body == "good"

    async def test_a_batch_larger_than_a_call_goes_out_in_several(self, queue: Queue) -> None:
        assert await queue.send([Parcel("x" * 600_000), Parcel("y" * 600_000)]) == [None, None]
        assert len(await received(queue, 2)) == 2

    async def test_an_event_larger_than_a_topic_takes_is_refused(self, messaging: Broker) -> None:
        parcels = [Parcel("x" * (PUBLISH_BYTES_MAX + 1), {"eventType": "made"}), Parcel("{}", {"eventType": "made"})]
        first, second = await messaging.topic("events").publish(parcels)
        assert first is not None
        assert first.ours
        assert second is None

    async def test_a_group_comes_in_order_and_waits_while_one_of_it_is_in_flight(self, messaging: Broker) -> None:
        queue = messaging.queue("ordered.fifo")
        assert await queue.send([Parcel(f"{group}{n}", group=group) for n in range(3) for group in "AB"]) == [None] * 6
        seen: list[str] = []
        while len(seen) < 6:
            got = await queue.receive(10, wait_seconds=2, visibility_seconds=30)
            # Whatever of a group is not in this receive stays away until it is deleted.
            assert await queue.receive(10, wait_seconds=0, visibility_seconds=30) == []
            seen += [each.body for each in got]
            assert all(each.sequence for each in got)
            await queue.delete([each.receipt for each in got])
        assert [body for body in seen if body[0] == "A"] == ["A0", "A1", "A2"]
        assert [body for body in seen if body[0] == "B"] == ["B0", "B1", "B2"]

    async def test_a_group_is_in_order_after_a_message_was_given_back(self, messaging: Broker) -> None:
        queue = messaging.queue("ordered.fifo")
        await queue.send([Parcel(f"{n}", group="A") for n in range(3)])
        first = await queue.receive(10, wait_seconds=2, visibility_seconds=30)
        await queue.change_visibility([(each.receipt, 0) for each in reversed(first)])
        seen: list[str] = []
        while len(seen) < 3:
            got = await queue.receive(10, wait_seconds=2, visibility_seconds=30)
            seen += [each.body for each in got]
            await queue.delete([each.receipt for each in got])
        assert seen == ["0", "1", "2"]

    async def test_a_fifo_queue_takes_a_repetition_once(self, messaging: Broker) -> None:
        queue = messaging.queue("ordered.fifo")
        same = [Parcel("one", {"eventId": "e-1"}, group="A"), Parcel("again", {"eventId": "e-1"}, group="A")]
        assert await queue.send(same) == [None, None]
        assert await queue.send([Parcel("third", group="A", deduplication="e-1")]) == [None]
        assert [each.body for each in await received(queue, 2, wait=1)] == ["one"]

    async def test_a_fifo_queue_takes_nothing_without_a_group_and_no_delay(self, messaging: Broker) -> None:
        refusals = await messaging.queue("ordered.fifo").send(
            [Parcel("one"), Parcel("two", group="A", delay_seconds=1)]
        )
        assert all(refusal is not None and refusal.ours for refusal in refusals)

    async def test_a_fifo_topic_hands_order_and_group_on(self, messaging: Broker) -> None:
        parcels = [Parcel(f'{{"n": {n}}}', {"eventType": "made", "eventId": f"e-{n}"}, group="K") for n in range(3)]
        assert await messaging.topic("ordered-events.fifo").publish(parcels) == [None] * 3
        queue, seen = messaging.queue("ordered.fifo"), list[Delivery]()
        while len(seen) < 3:
            got = await queue.receive(10, wait_seconds=2, visibility_seconds=30)
            seen += got
            await queue.delete([each.receipt for each in got])
        assert [opened(each, "q").id for each in seen] == ["e-0", "e-1", "e-2"]
        assert {each.group for each in seen} == {"K"}

    async def numbers(self, queue: Queue, count: int) -> set[int]:
        deliveries = await received(queue, count)
        assert await queue.receive(10, wait_seconds=0, visibility_seconds=30) == []
        return {json.loads(opened(delivery, "q").body)["n"] for delivery in deliveries}
