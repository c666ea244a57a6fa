"""Where a fault can be planted: what the world is made of, as it should be."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from libs.domain.sync import Side
from libs.messaging.topology import Topology
from libs.settling.settler import Settler
from tests.simulation.sides import SimLocations, SimNomis

ROOT = Path(__file__).resolve().parents[2]
Over = Callable[[Any], Any]


def untouched(port: Any) -> Any:
    """A port as it is."""
    return port


def the_walk(locations: Any, nomis: Any, mappings: Any, side: Side) -> Any:  # noqa: ARG001 - a planted walk asks
    """The real walk."""
    return Settler(locations, nomis, mappings)


@dataclass(frozen=True, slots=True)
class Seams:
    """What the world is made of. `over_…` go between the walk and its port, as the walk sees it."""

    locations: type[SimLocations] = SimLocations
    nomis: type[SimNomis] = SimNomis
    over_locations: Over = untouched
    over_nomis: Over = untouched
    over_mappings: Over = untouched
    walk: Callable[[Any, Any, Any, Side], Any] = the_walk
    settle_check: bool = True
    ack_first: bool = False
    outbox: bool = True


SOUND = Seams()


def topology() -> Topology:
    """The queues of the whole estate."""
    return Topology.load(ROOT / "infra" / "messaging.json")
