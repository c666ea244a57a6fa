"""`make simulate SEEDS=n SEED=first`: plays seeds and shows the trace of each that fails."""

import argparse
import json
import logging
import sys
import time
from collections import Counter

import structlog

from tests.simulation.judge import lost_in_the_gap, told
from tests.simulation.planted import PLANTED
from tests.simulation.play import Played, play
from tests.simulation.seams import SOUND

EXIT_MAX = 100
"""An exit code has eight bits: 256 failures must not look like none."""
TOLD_EVERY = 500
TRACES_MAX = 3


def main() -> int:
    """Play; return how many failed."""
    given = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    given.add_argument("--seeds", type=int, default=200, help="how many")
    given.add_argument("--first", type=int, default=0, help="the first")
    given.add_argument("--failures", type=int, default=3, help="end after so many; the first three show their traces")
    given.add_argument("--plant", choices=sorted(PLANTED), help="a fault of design to plant")
    wish = given.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    seams = PLANTED[wish.plant] if wish.plant else SOUND
    started, number, failures, edits, steps = time.monotonic(), 0, 0, 0, 0
    mended: Counter[str] = Counter()
    unrecorded = {"If-Match": 0, "no If-Match": 0}
    for number, seed in enumerate(range(wish.first, wish.first + wish.seeds), 1):
        played = play(seed, seams)
        edits, steps = edits + played.people.made, steps + played.world.scheduler.steps
        mended += played.mended
        gap = "If-Match" if played.plan.conditional_writes else "no If-Match"
        unrecorded[gap] += lost_in_the_gap(played.world, played.people)
        if played.wrong:
            failures += 1
            _show(played, traced=failures <= TRACES_MAX)
        if number % TOLD_EVERY == 0 or number == wish.seeds or failures >= wish.failures:
            seconds = time.monotonic() - started
            _say(f"{number} seeds, {edits} edits, {steps} steps, {failures} failed, {seconds:.0f} s")
        if failures >= wish.failures:
            break
    found = {"seeds": number, "edits": edits, "failed": failures, "lost unrecorded": unrecorded, "mended": mended}
    _say(f"SIMULATE {json.dumps(found)}")
    return min(failures, EXIT_MAX)


def _show(played: Played, *, traced: bool) -> None:
    if traced:
        _say(f"SEED {played.seed} FAILED ({played.plan})")
        _say("\n".join(played.world.scheduler.trace))
    _say(f"SEED {played.seed} FAILED:\n{told(played.wrong)}")
    _say(f"again: make simulate SEEDS=1 SEED={played.seed}")


def _say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
