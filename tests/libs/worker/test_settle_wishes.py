"""How failures of a handler end its message."""

from datetime import UTC, datetime

import asyncpg
import pytest

from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.web.outgoing import OutgoingSettings, RemoteRefused, RemoteUnavailable, api_session
from libs.worker.handling import asked_again, guarded
from tests.conftest import NOBODY

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


def refused(status: int) -> RemoteRefused:
    failure = RemoteRefused(status, {}, "GET", "/x")
    failure.remote = "nomis"
    return failure


@pytest.mark.parametrize(
    ("failure", "away"),
    [
        (RemoteUnavailable("GET", "/x", "failed"), "another service"),
        (refused(503), "nomis"),
        (refused(401), "nomis"),
        (refused(429), "nomis"),
        # NOMIS says 500 of a key that is taken, and 404 or 409 is an answer.
        (refused(500), ""),
        (refused(404), ""),
        (refused(409), ""),
        (ConnectionRefusedError(), "database"),
        (asyncpg.AdminShutdownError("x"), "database"),
    ],
)
async def test_who_does_not_answer_is_named_and_who_refuses_is_not(failure: Exception, away: str) -> None:
    with pytest.raises(RetryLater) as later:
        await ended(failure)
    assert later.value.away == away


async def test_a_wrong_statement_is_a_bug_and_no_absent_database() -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await ended(asyncpg.UndefinedColumnError("x"))


async def test_a_refusal_and_a_silence_carry_the_name_that_we_have_for_it() -> None:
    nobody = OutgoingSettings(base_url=NOBODY, name="mapping", retries=0)
    async with api_session(nobody) as session:
        with pytest.raises(RemoteUnavailable) as failed:
            await session.request("GET", "/x")
    assert failed.value.remote == "mapping"
