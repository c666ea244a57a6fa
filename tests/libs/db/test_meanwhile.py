"""Python works while a statement runs, and whatever fails is told when both are over."""

import asyncio

import pytest

from libs.db.meanwhile import meanwhile


async def test_the_statement_is_on_its_way_before_the_block_and_done_after_it() -> None:
    order: list[str] = []

    async def statement() -> None:
        order.append("sent")
        await asyncio.sleep(0)
        order.append("done")

    async with meanwhile(statement()):
        order.append("worked")
    assert order == ["sent", "worked", "done"]


async def test_what_the_statement_raises_is_raised() -> None:
    async def taken() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        async with meanwhile(taken()):
            pass


async def test_a_statement_is_not_left_behind_by_a_block_that_fails() -> None:
    ended = asyncio.Event()

    async def statement() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ZeroDivisionError):
        async with meanwhile(statement()):
            raise ZeroDivisionError
    assert ended.is_set()
