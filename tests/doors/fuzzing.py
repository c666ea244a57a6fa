"""Asks a running service everything that its document allows, and much that it does not (schemathesis)."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson

from tests.doors.services import Served

KNOWN_SHARE = 0.5
# Python 3.11's parser fails when two threads are in it (`AST constructor recursion depth mismatch`), and schemathesis
# parses lambdas in several: threads change over so rarely here that they never meet.
START = "import sys; sys.setswitchinterval(60); from schemathesis.cli import schemathesis; schemathesis()"


@dataclass(frozen=True)
class Effort:
    """How much is tried; a fixed seed asks the same each time."""

    examples: int
    phases: str
    seed: int | None


# What `make test` affords. The coverage phase walks the borders of every schema and would double the time.
BOUNDED = Effort(examples=2, phases="examples,fuzzing", seed=20261124)
LONG = Effort(examples=200, phases="examples,coverage,fuzzing,stateful", seed=None)


@dataclass(frozen=True)
class Found:
    """What became of a run."""

    clean: bool
    report: str


async def fuzz(served: Served, bearer: str, directory: Path, effort: Effort) -> Found:
    """Run schemathesis in a process of its own, so that the service keeps the loop."""
    config = directory / "schemathesis.toml"
    config.write_text(_config(served, bearer, effort))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", START),
        *("--config-file", str(config), "run", f"{served.url}/v3/api-docs", "--no-color"),
        *("--phases", effort.phases, "--max-examples", str(effort.examples)),
        *(("--seed", str(effort.seed), "--generation-deterministic") if effort.seed is not None else ()),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return Found(process.returncode == 0, told.decode())


def _config(served: Served, bearer: str, effort: Effort) -> str:
    service, known = served.service, served.service.known
    off = {
        "positive_data_acceptance": service.has_rules,
        "negative_data_rejection": service.is_lenient,
        "not_a_server_error": service.says_500,
    }
    lists = [f"{_name(name)}.values = {_json(values)}" for name, values in known.items()]
    bound = [f'"{name}" = {{ dictionary = {_json(_name(name))}, probability = {KNOWN_SHARE} }}' for name in known]
    return "\n".join(
        (
            "workers = 2",
            'headers = { Authorization = "Bearer ' + bearer + '" }',
            "continue-on-failure = true",
            "warnings = false",
            # A busy machine is no fault of what is asked.
            'suppress-health-check = ["too_slow"]',
            "request-timeout = 60",
            "[generation]",
            # Tested by hand; a document that excluded it from every text would be unreadable.
            "allow-x00 = false",
            'database = "none"',
            f"no-shrink = {_json(effort.seed is not None)}",
            "[cache]",
            "enabled = false",
            "[dictionaries]",
            *lists,
            "[parameters]",
            *bound,
            "[checks]",
            *(f"{check}.enabled = false" for check, is_off in off.items() if is_off),
            "",
        )
    )


def _name(parameter: str) -> str:
    return parameter.replace(".", "-")


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
