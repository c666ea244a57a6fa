"""`python -m infra.scanning` asks for known holes in what the images carry, and says it when it cannot look.

Advisories are asked of the registries over the network. Where they do not answer, or not in time, nothing is known:
that is said in so many words and is no failure, as a build must not depend on who else is up. `make audit` insists.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
SECONDS_MAX = 20


@dataclass(frozen=True, slots=True)
class Scan:
    """One tool: what it is run as, and how its answer is read."""

    name: str
    words: Sequence[str]
    read: Callable[[Any], "Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """Holes, each in a line; `looked` packages of `all` were asked for."""

    holes: tuple[str, ...]
    looked: int
    all: int


def python_packages(answer: Any) -> Found:
    """Read what pip-audit found."""
    packages = answer["dependencies"]
    looked = [each for each in packages if "skip_reason" not in each]
    holes = (
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no release'}"
        for each in looked
        for hole in each["vulns"]
    )
    return Found(tuple(holes), len(looked), len(packages))


def node_packages(answer: Any) -> Found:
    """Read what npm found; a registry without advisories answers without the counts."""
    if "metadata" not in answer:
        return Found((), 0, 0)
    holes = (f"{name}: {each['severity']}" for name, each in answer["vulnerabilities"].items())
    total = answer["metadata"]["dependencies"]["total"]
    return Found(tuple(holes), total, total)


SCANS = (
    Scan(
        "infra/services.lock",
        (
            *(str(BIN / "pip-audit"), "--disable-pip", "--require-hashes", "--progress-spinner", "off"),
            *("--timeout", "5", "--format", "json", "--requirement", str(ROOT / "infra/services.lock")),
        ),
        python_packages,
    ),
    Scan(
        "infra/node/package-lock.json",
        (
            *(str(BIN / "npm"), "audit", "--json", "--omit=dev", "--package-lock-only"),
            *("--fetch-timeout=5000", "--fetch-retries=0", "--prefix", str(ROOT / "infra/node")),
        ),
        node_packages,
    ),
)


def answered(scan: Scan) -> Found:
    """Run a scan; whatever goes wrong with it, nothing was looked at."""
    try:
        done = subprocess.run(scan.words, capture_output=True, check=False, timeout=SECONDS_MAX)  # noqa: S603 - ours
        return scan.read(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, OSError, ValueError, KeyError, TypeError):
        return Found((), 0, 0)


def told(name: str, found: Found) -> Iterator[str]:
    """Say what was found, and of how much nothing is known."""
    yield from (f"{name}: KNOWN HOLE: {hole}" for hole in found.holes)
    if not found.looked:
        yield f"{name}: NOT LOOKED AT: the registry gave no advisories"
    elif found.looked < found.all:
        yield f"{name}: looked at {found.looked} of {found.all} packages, nothing is known of the others"
    elif not found.holes:
        yield f"{name}: no known hole in {found.all} packages"


def main() -> int:
    """Scan all; 1 when there is a hole."""
    found = {scan.name: answered(scan) for scan in SCANS}
    for name, each in found.items():
        print(*told(name, each), sep="\n")  # noqa: T201 - for whoever runs it
    return any(each.holes for each in found.values())


if __name__ == "__main__":
    sys.exit(main())
