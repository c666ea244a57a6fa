"""How failures of a handler end its message."""

from datetime import UTC, datetime

import pytest

from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.web.outgoing import RemoteUnavailable
from libs.worker.handling import asked_again, guarded

MESSAGE = Message("m", "settle", "{}", {}, 1, datetime(2026, 1, 1, tzinfo=UTC), "q")


def raising(error: Exception | None) -> object:
    async def handle(_: Message) -> Outcome:
        if error is not None:
            raise error
        return Done("settled")

    return guarded(asked_again(handle))


async def ended(error: Exception | None) -> Outcome:
    handler = raising(error)
    assert callable(handler)
    outcome = await handler(MESSAGE)
    assert isinstance(outcome, Done | Ignored)
    return outcome


async def test_a_wish_that_cannot_be_carried_out_now_is_let_go_with_its_reason() -> None:
    assert await ended(RetryLater("keeps changing")) == Ignored("settle-left", {"reason": "keeps changing"})
    assert await ended(None) == Done("settled")


async def test_a_neighbour_that_is_away_is_waited_for_all_the_same() -> None:
    with pytest.raises(RetryLater):
        await ended(RemoteUnavailable("GET", "/x", "failed"))


async def test_what_no_repetition_would_help_is_kept_for_people() -> None:
    with pytest.raises(Unprocessable):
        await ended(Unprocessable("dpsLocationId or nomisLocationId: one is required"))
