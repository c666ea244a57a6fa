"""`lip estate` and `lip topology`: what surrounds the services on one machine or in the cloud."""

import os
import subprocess
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import SecretStr
from rich.progress import BarColumn, Progress, TextColumn

from services.cli import views
from services.cli.calls import Calls, Place
from services.cli.commands.running import Json, carry_out
from services.cli.errors import Exit, NotAsWished, NotConfigured
from services.cli.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Fill the NOMIS stand-in.")
topology = typer.Typer(no_args_is_help=True, help="Look at queues and topics as they really are.")

LOG_MEMBERS = frozenset({"event", "level", "at", "service"})


class Preset(StrEnum):
    """The sizes that the generator knows."""

    TINY = "tiny"
    LEAN = "lean"
    NATIONAL = "national"
    STRESS = "stress"


@app.command()
def generate(
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 7,
    prison: Annotated[list[str] | None, typer.Option(help="Only this prison; again for more.")] = None,
    preset: Annotated[Preset, typer.Option(help="How large prisons are.")] = Preset.TINY,
    json: Json = False,
) -> None:
    """Load a generated estate into the NOMIS stand-in of the endpoints file.

    Example: lip estate generate --prison LEI --prison MDI --preset tiny
    """
    dsn = _dsn()
    words = ["--seed", str(seed), "--preset", preset]
    words += ["--prisons", ",".join(prison)] if prison else []
    # The stand-in is a service of its own, which we may start but not import. Its DSN holds a password, which a command
    # line would show to everyone on the machine.
    told = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), "DATABASE_URL": dsn}
    command = [sys.executable, "-m", "services.nomis.estate", *words]
    with subprocess.Popen(command, env=told, stdout=subprocess.PIPE) as loading:  # noqa: S603 - our own words
        assert loading.stdout is not None
        loaded = _followed(loading.stdout, shows=not json)
    if loading.returncode or loaded is None:
        raise typer.Exit(Exit.USAGE)
    counts = {name: value for name, value in loaded.items() if name not in LOG_MEMBERS}
    views.as_json(counts) if json else views.facts("Loaded", counts, {name: name for name in counts})


def _followed(lines: Iterable[bytes], *, shows: bool) -> dict[str, Any] | None:
    """Show a bar for people while agency after agency goes in; return what was loaded, None if it came to nothing."""
    loaded = None
    with Progress(
        TextColumn("loading"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} prisons, {task.fields[locations]:,} locations"),
        console=views.console,
        disable=not shows,
    ) as bar:
        task = None
        for told in map(orjson.loads, lines):
            if told["event"] == "estate-loading":
                task = bar.add_task("", total=told["prisons_chosen"], locations=0) if task is None else task
                bar.update(task, completed=told["prisons"], locations=told["locations"])
            elif told["event"] == "estate-loaded":
                loaded = told
    return loaded


def _dsn() -> str:
    try:
        return Place(Settings()).told("databases", "nomis", "dsn")
    except NotConfigured as missing:
        raise typer.BadParameter(str(missing)) from None


@topology.command("verify")
def verify_topology(
    file: Annotated[Path | None, typer.Option(help="messaging.json; the estate's own when left out.")] = None,
    *,
    json: Json = False,
) -> None:
    """Compare queues and topics with the file that describes them; ends with 1 when they differ.

    Example: lip topology verify
    """

    async def work(calls: Calls) -> None:
        # Of all commands this one alone speaks to the broker, and its clients are long to load.
        from libs.messaging.aws import AwsSettings, connect  # noqa: PLC0415
        from libs.messaging.drift import verify  # noqa: PLC0415
        from libs.messaging.topology import Topology  # noqa: PLC0415

        told = calls.place.told
        settings = AwsSettings(
            endpoint_url=told("broker", "url"),
            region=told("broker", "region"),
            access_key=SecretStr(told("broker", "accessKeyId")),
            secret_key=SecretStr(told("broker", "secretAccessKey")),
        )
        async with connect(settings) as aws:
            found = await verify(Topology.load(file or Path(told("broker", "messagingFile"))), aws)
        if json:
            views.as_json([str(each) for each in found])
        if found:
            raise NotAsWished("\n".join(str(each) for each in found))
        views.say("as described") if not json else None

    carry_out(work)
