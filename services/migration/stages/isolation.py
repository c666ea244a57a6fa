"""Finds the location that holds up its page: the page is halved until what fails stands alone, the rest is done.

A service that is away is no fault of a location. Such a failure sends the whole page back to wait, and only after some
attempts are single locations suspected; many failures in a row without a success mean that the service is away after
all. A suspect has failed only when it fails once more and the services answer other questions right before and right
after that. What a service refuses, or answers in a way nobody can read, is looked for at once.
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import msgspec

from libs.domain.sync import SyncErrorCode
from libs.web.outgoing import RemoteFailure, RemoteRefused
from services.migration.records import Item, ItemState, Verdict
from services.migration.settings import IsolationLimits

Work = Callable[[Sequence[Item]], Awaitable[list[Verdict]]]
Ask = Callable[[], Awaitable[object]]
"""Asks every service something cheap; raises what a service that is away makes us raise."""

# What a remote or its answer can do to us; anything else is a bug and stays one.
FAILURES = (RemoteFailure, ValueError, KeyError, TypeError, msgspec.MsgspecError)
# Statuses that say nothing about what was sent.
_UNWELL = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
REASON_MAX = 200


async def isolated(items: Sequence[Item], work: Work, ask: Ask, attempt: int, limits: IsolationLimits) -> list[Verdict]:
    """Do the work on a page; of what fails alone, return a verdict that says why.

    `attempt` counts how often the page was taken. Raises what `work` or `ask` raised when the page has to wait.
    """
    try:
        return await work(items)
    except FAILURES as failure:
        if is_busy(failure) or (_is_unwell(failure) and attempt < limits.attempts_whole):
            raise
        patient = attempt < limits.attempts_max
        search = _Search(
            work, limits.failures_in_a_row_max, gives_up=patient or len(items) > limits.failures_in_a_row_max
        )
        await search.below(items, failure)
        if search.suspects and not search.verdicts and patient:
            raise
        return [*search.verdicts, *await search.condemned(ask)]


def told(failure: BaseException) -> str:
    """Say what went wrong without saying what was in it."""
    if isinstance(failure, RemoteFailure):
        return str(failure)[:REASON_MAX]
    return f"unreadable answer: {type(failure).__name__}" if isinstance(failure, FAILURES) else type(failure).__name__


def is_busy(failure: Exception) -> bool:
    """Tell that somebody else is writing there just now: no fault of any location, however often it is said."""
    return (
        isinstance(failure, RemoteRefused)
        and failure.status == HTTPStatus.CONFLICT
        and failure.body.get("errorCode") == SyncErrorCode.BUSY
    )


def _is_unwell(failure: Exception) -> bool:
    if isinstance(failure, RemoteRefused):
        return failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR or failure.status in _UNWELL
    return isinstance(failure, RemoteFailure)


def _failed(item: Item, why: Exception) -> Verdict:
    return Verdict(item.nomis_id, ItemState.FAILED, told(why))


class _Search:
    """Halves what fails; gives up when it looks as if everything would."""

    def __init__(self, work: Work, in_a_row_max: int, *, gives_up: bool) -> None:
        self._work = work
        self._in_a_row_max = in_a_row_max
        self._in_a_row = 0
        self._gives_up = gives_up
        self.verdicts: list[Verdict] = []
        self.suspects: list[Item] = []

    async def below(self, items: Sequence[Item], failure: Exception) -> None:
        """Look into items that failed together."""
        if len(items) == 1:
            if _is_unwell(failure):
                self.suspects.append(items[0])
            else:
                self.verdicts.append(_failed(items[0], failure))
            return
        middle = len(items) // 2
        for part in (items[:middle], items[middle:]):
            await self._tried(part)

    async def condemned(self, ask: Ask) -> list[Verdict]:
        """Try the suspects once more, each between two signs that the services answer; what `ask` raises goes on."""
        verdicts: list[Verdict] = []
        for item in self.suspects:
            await ask()
            try:
                verdicts += await self._work([item])
            except FAILURES as failure:
                if is_busy(failure):
                    raise
                await ask()
                verdicts.append(_failed(item, failure))
        return verdicts

    async def _tried(self, items: Sequence[Item]) -> None:
        try:
            self.verdicts += await self._work(items)
        except FAILURES as failure:
            if is_busy(failure):
                raise
            self._in_a_row += 1
            if _is_unwell(failure) and self._gives_up and self._in_a_row > self._in_a_row_max:
                raise
            await self.below(items, failure)
        else:
            self._in_a_row = 0
