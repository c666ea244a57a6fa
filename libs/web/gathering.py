"""Asks in one call what several ask for at the same time: nobody waits for company, and nobody pays for another's.

What is asked for while as many calls are in the air as may be goes out together with the next one. Whoever asks alone
asks alone. An answer is always newer than the question: a call that is under way is joined by nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, PositiveInt

from libs.web.outgoing import RemoteRefused

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class GatherLimits(BaseModel, frozen=True):
    """How much goes into one call, and how many calls may be in the air."""

    together_max: PositiveInt = 50
    calls_max: PositiveInt = 2


class Gatherer(Generic[Asked, Told]):
    """Calls `many` for several, whose answers come in the order asked, and `one` for one.

    An exception among the answers is raised where that was asked. When the remote does not take the whole, each is
    asked alone, so that one that it cannot read spoils no other.
    """

    def __init__(
        self,
        many: Callable[[Sequence[Asked]], Awaitable[Sequence[Told | Exception]]],
        one: Callable[[Asked], Awaitable[Told]],
        limits: GatherLimits,
    ) -> None:
        self._many = many
        self._one = one
        self._limits = limits
        self._waiting: list[tuple[Asked, asyncio.Future[Told]]] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._is_due = False

    async def ask(self, what: Asked) -> Told:
        """Return the answer to this. Raises what the calls raise."""
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, answer))
        self._soon()
        return await answer

    def _soon(self) -> None:
        """Go on once everybody who can run now has run."""
        if self._waiting and not self._is_due and len(self._calls) < self._limits.calls_max:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._is_due = False
        # Whoever gave up meanwhile is not asked for.
        waiting = [each for each in self._waiting if not each[1].done()]
        batch, self._waiting = waiting[: self._limits.together_max], waiting[self._limits.together_max :]
        if batch:
            call = asyncio.create_task(self._call(batch))
            self._calls.add(call)
            call.add_done_callback(self._ended)
        self._soon()

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._soon()

    async def _call(self, batch: Sequence[tuple[Asked, "asyncio.Future[Told]"]]) -> None:
        told: Sequence[Told | BaseException]
        try:
            if len(batch) == 1:
                told = [await self._one(batch[0][0])]
            else:
                told = await self._together([what for what, _ in batch])
        except BaseException as failure:  # noqa: BLE001 - it is raised where it was asked
            told = [failure] * len(batch)
        for (_, answer), each in zip(batch, told, strict=True):
            if answer.done():
                continue
            if isinstance(each, asyncio.CancelledError):
                answer.cancel()
            elif isinstance(each, BaseException):
                answer.set_exception(each)
            else:
                answer.set_result(each)

    async def _together(self, asked: Sequence[Asked]) -> Sequence[Told | BaseException]:
        try:
            return await self._many(asked)
        except RemoteRefused as refused:
            if refused.away:
                raise
            return await asyncio.gather(*(self._one(each) for each in asked), return_exceptions=True)
