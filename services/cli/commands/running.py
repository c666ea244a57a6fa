"""Carries a command out: opens the doors, waits, and turns what goes wrong into a sentence and an exit code."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from libs.web.outgoing import RemoteFailure, RemoteRefused
from services.cli.calls import Calls, open_calls
from services.cli.errors import Exit, NotAsWished, NotConfigured
from services.cli.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Write the answer as JSON instead of a table.")]
Work = Callable[[Calls], Awaitable[None]]


def carry_out(work: Work) -> None:
    """Run the work with open doors."""
    try:
        asyncio.run(_with_doors(work))
    except NotConfigured as missing:
        _end(str(missing), Exit.USAGE)
    except ValidationError as wrong:
        _end("; ".join(f"{error['loc'][0]}: {error['msg']}" for error in wrong.errors()), Exit.USAGE)
    except RemoteRefused as refused:
        _end(f"refused ({refused.status}): {_reason(refused)}", Exit.REFUSED)
    except RemoteFailure as failure:
        _end(str(failure), Exit.UNAVAILABLE)
    except NotAsWished as outcome:
        _end(str(outcome), Exit.NOT_AS_WISHED)


async def _with_doors(work: Work) -> None:
    async with open_calls(Settings()) as calls:
        await work(calls)


def _reason(refused: RemoteRefused) -> str:
    told: Any = refused.body.get("developerMessage") or refused.body.get("userMessage")
    return str(told or refused)


def _end(sentence: str, code: Exit) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(code)
