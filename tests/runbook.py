"""The runbook as it is typed: what stands below a heading, and the command line that it is typed into."""

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infra.local.demo.desk import seen
from infra.local.settings import ROOT
from infra.local.supervisor import Estate

RUNBOOK = ROOT / "docs" / "runbook.md"
SECONDS = 60.0
UNTIL = "until "


class Running(Protocol):
    """Whatever has an estate that runs."""

    @property
    def estate(self) -> Estate:
        """The estate."""


@dataclass(frozen=True)
class Said:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


async def lip(at: Running, *words: str, **environment: str) -> Said:
    """Run the command as a shell would."""
    told = {"PATH": os.defpath, "LIP_ENDPOINTS": str(at.estate.endpoints_file), "LIP_WATCH_SECONDS": "0.2"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *words),
        cwd=ROOT,
        env={**told, "COLUMNS": "200", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


@dataclass(frozen=True)
class Command:
    """A line of the runbook: words to fill in are in capitals, what it ends with stands behind `#`."""

    line: str
    ends: int = 0
    again: bool = False

    def words(self, filled: Mapping[str, str]) -> list[str]:
        """Return what follows `lip`, filled in."""
        return [filled.get(word, word) for word in shlex.split(self.line)[1:]]


def blocks(title: str, language: str) -> list[str]:
    """Read the blocks of code in a language below a heading; there must be one."""
    _, heading, rest = RUNBOOK.read_text().partition(f"\n### {title}\n")
    assert heading, title
    section = re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found, (title, language)
    return found


def commands(title: str) -> Iterator[Command]:
    """Read the commands below a heading."""
    for block in blocks(title, "sh"):
        for line in block.splitlines():
            told, _, end = line.partition("#")
            end = end.strip()
            yield Command(told.strip(), int(end.removeprefix(UNTIL) or 0), end.startswith(UNTIL))


def statements(title: str, **filled: str) -> list[list[str]]:
    """Read the statements of SQL below a heading, block by block, filled in."""
    return [
        [re.sub(r"\b[A-Z_]+\b", lambda found: filled.get(found[0], found[0]), line) for line in block.splitlines()]
        for block in blocks(title, "sql")
    ]


async def played(at: Running, title: str, **filled: str) -> list[Said]:
    """Type each command; each must end as the page says."""
    return [await _typed(at, command, filled) for command in commands(title)]


async def _typed(at: Running, command: Command, filled: Mapping[str, str]) -> Said:
    """Type one command, again where the page says so."""

    async def ended() -> Said | None:
        said = await lip(at, *command.words(filled))
        return said if said.code == command.ends or not command.again else None

    said = await seen(ended, f"{command.line}: {command.ends}", SECONDS)
    assert said.code == command.ends, (command.line, said.out, said.err)
    return said
