"""`python -m tests.chaos --seconds 60 --seed 7`: the whole estate under fire; the last line is CHAOS {json}."""

import argparse
import asyncio
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from infra.local.broker import BrokerKind
from libs.telemetry import logging
from tests.chaos.run import ChaosPlan, Verdict, run


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Run the estate under fire.")
    parser.add_argument("--seconds", type=float, default=60, help="how long edits and faults go on")
    parser.add_argument("--seed", type=int, default=1, help="decides edits and faults, not their exact timing")
    parser.add_argument("--edits", type=float, default=4, help="edits a second on each side")
    parser.add_argument("--replicas", type=int, default=1, help="how many of each service but NOMIS and the pages")
    parser.add_argument("--broker", choices=get_args(BrokerKind), default="ministack", help="which broker to hurt")
    parser.add_argument("--keep", type=Path, help="keep logs and data in this directory")
    return parser.parse_args()


def say(what: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def show(verdict: Verdict) -> None:
    """Print what a person wants first, then the line a script reads."""
    say(f"edits: {verdict.edits}")
    say(f"faults: {verdict.faults}")
    for name in ("lost", "duplicated", "diverged"):
        found = getattr(verdict, name)
        say(f"{name}: {len(found)}")
        for line in found[:20]:
            say(f"  {line}")
    say(f"dead letters: {verdict.dead_lettered or 0}; conflicts on record: {verdict.conflicts}")
    say(f"equal after {verdict.converged_seconds} s of quiet")
    say(f"CHAOS {verdict.json().decode()}")


async def main() -> int:
    """Run once."""
    chosen = arguments()
    today = datetime.now(ZoneInfo("Europe/London")).date()  # noqa: TID251 - a composition root
    plan = ChaosPlan(chosen.seconds, chosen.seed, today, chosen.edits, chosen.replicas, chosen.broker)
    if chosen.keep:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        verdict = await run(plan, chosen.keep, say)
    else:
        with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
            verdict = await run(plan, Path(directory), say)
    show(verdict)
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    logging.configure("chaos", "ERROR")
    sys.exit(asyncio.run(main()))
