"""`python -m infra.local up` starts the estate and keeps it up until Ctrl-C; `purge` removes its data."""

import argparse
import asyncio
import signal
import sys

import orjson
import structlog
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from infra.local.keeper import CANNOT_START
from infra.local.leftovers import AlreadyRunning
from infra.local.roster import roster
from infra.local.settings import EstateSettings
from infra.local.supervisor import Estate, purge
from libs.telemetry import logging

log = structlog.get_logger()


def arguments(words: list[str]) -> tuple[str, EstateSettings]:
    """Read the command and the settings; a flag wins over the environment."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=["up", "purge"], nargs="?", default="up")
    for name, field in EstateSettings.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        read = orjson.loads if name in {"service_env", "replicas"} else str
        parser.add_argument(flag, type=read, help=field.description, default=argparse.SUPPRESS, metavar=name.upper())
    chosen = vars(parser.parse_args(words))
    command = chosen.pop("command")
    try:
        settings = EstateSettings(**chosen)
    except ValidationError as error:
        parser.error(str(error))
    if unknown := settings.replicas.keys() - {spec.name for spec in roster()}:
        parser.error(f"replicas: nobody here is called {', '.join(sorted(unknown))}")
    return command, settings


async def keep_up(estate: Estate) -> int:
    """Start, show where everything is, wait for Ctrl-C or SIGTERM, stop; also when told to stop during the start."""
    stop = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    starting = asyncio.create_task(estate.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not starting.exception():
            show(estate)
            await stopping
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    finally:
        stopping.cancel()
        await estate.stop()
    if not starting.cancelled() and (failure := starting.exception()):
        return failed(failure)
    return 0


def failed(failure: BaseException) -> int:
    """Say in one sentence each what kept the estate from starting; anything unforeseen is shown whole."""
    reasons = list(failure.exceptions) if isinstance(failure, BaseExceptionGroup) else [failure]
    for reason in reasons:
        if not isinstance(reason, (*CANNOT_START, AlreadyRunning)):
            raise failure
        sys.stderr.write(f"{reason}\n")
    return 1


def show(estate: Estate) -> None:
    """Print where everything is."""
    table = Table(title="The estate is up; Ctrl-C stops it", title_justify="left")
    for heading in ("part", "where", "pid"):
        table.add_column(heading)
    found = estate.endpoints
    for name, service in found["services"].items():
        table.add_row(name, service["url"], str(service["pid"]))
    table.add_row("broker (SQS, SNS)", found["broker"]["url"], str(found["broker"]["pid"]))
    table.add_row("postgres", f"127.0.0.1:{found['postgres']['port']}", str(found["postgres"]["pid"]))
    console = Console()
    console.print(table)
    if "staff_ui" in found["services"]:
        people = ", ".join(found["signIn"]["users"])
        url = found["services"]["staff_ui"]["url"]
        console.print(f"Pages: {url} (sign in as {people}; passwords: signIn.users of the file below)", soft_wrap=True)
    console.print(f"Secrets, DSNs and how to get a token: {estate.endpoints_file}", soft_wrap=True)


def main() -> int:
    """Run the command that was asked for."""
    command, settings = arguments(sys.argv[1:])
    logging.configure("estate", settings.log_level, pretty=True)
    if command == "up":
        return asyncio.run(keep_up(Estate(settings)))
    try:
        asyncio.run(purge(settings))
    except AlreadyRunning as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
