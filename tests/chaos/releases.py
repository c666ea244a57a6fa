"""The release before this one, unpacked from the history of this tree."""

import subprocess
from pathlib import Path

import orjson

from infra.local.settings import ROOT

FILE = ROOT / "infra" / "release.json"


class NoHistory(Exception):
    """The release before cannot be had from this tree."""


def unpacked(directory: Path) -> Path:
    """Unpack the release that `infra/release.json` names into a new directory; its code runs from there.

    Raises NoHistory where git does not know its commit, as in a shallow clone.
    """
    commit = orjson.loads(FILE.read_bytes())["before"]
    directory.mkdir(parents=True)
    packed = directory / "release.tar"
    for command in (
        ("git", "-C", str(ROOT), "archive", f"--output={packed}", commit, "infra", "libs", "services"),
        ("tar", "--extract", f"--file={packed}", f"--directory={directory}"),
    ):
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        if made.returncode:
            raise NoHistory(
                f"{FILE.name} names {commit} as the release before, and it cannot be unpacked: {made.stderr.strip()} "
                "(a shallow clone has no history: git fetch --unshallow)"
            )
    packed.unlink()
    return directory
