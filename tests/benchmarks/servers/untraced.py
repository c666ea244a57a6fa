"""The locations API as it would be without a line about spans: what is left is the ids that logs need."""

import uvloop

from libs.telemetry import spans
from services.locations.app import run
from services.locations.settings import Settings


def nothing(*_: object, **__: object) -> bool:
    """Stand for every function of `spans`: nobody looks."""
    return False


if __name__ == "__main__":
    for name in ("wanted", "ended", "within"):
        setattr(spans, name, nothing)
    uvloop.run(run(Settings()))
