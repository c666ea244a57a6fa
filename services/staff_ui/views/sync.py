"""Queues and what goes over them, as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from libs.domain.queues import QueueName
from libs.domain.wire import LONDON
from services.staff_ui.views.charts import LineChart, Point, line_chart
from services.staff_ui.views.migrations import lasting
from services.staff_ui.views.words import when

NAMES: Mapping[str, str] = MappingProxyType(
    {
        QueueName.TO_NOMIS: "DPS to NOMIS",
        QueueName.FROM_NOMIS: "NOMIS to DPS",
        QueueName.MIGRATION: "Migration",
        QueueName.RECONCILIATION: "Reconciliation",
    }
)
MODES = MappingProxyType({"on": "On", "hold": "Held", "drop": "Dropped"})


@dataclass(frozen=True)
class Watched:
    """A queue now and in the last hour; without `known` its worker did not answer, and nothing else is told."""

    id: str
    name: str
    known: bool
    waiting: int = 0
    in_flight: int = 0
    delayed: int = 0
    dead: int = 0
    parked: int = 0
    oldest: str = ""
    rate: str = ""
    lag: str = ""
    worst_lag: str = ""
    chart: LineChart | None = None
    redrive: Mapping[str, Any] | None = None


def unknown(queue: str) -> Watched:
    """Show a queue whose worker does not answer."""
    return Watched(queue, NAMES[queue], known=False)


def watched(told: Mapping[str, Any]) -> Watched:
    """Make it of what a worker's door answers."""
    traffic, oldest = told["traffic"], told.get("oldestSeconds")
    lag = traffic.get("lagSeconds") or {}
    return Watched(
        id=told["queue"],
        name=NAMES.get(told["queue"], told["queue"]),
        known=True,
        waiting=told["waiting"],
        in_flight=told["inFlight"],
        delayed=told["delayed"],
        dead=told["dead"],
        parked=told["parked"],
        oldest="nothing waits" if not told["waiting"] else "not known" if oldest is None else lasting(oldest),
        rate=f"{traffic['perSecond']:,.1f} a second",
        lag=f"{lag['median']:,.1f} s" if lag else "Nothing arrived lately",
        worst_lag=f"{lag['worst']:,.1f} s" if lag else "",
        chart=chart(NAMES.get(told["queue"], told["queue"]), traffic["minutes"]),
        redrive=told["redrive"],
    )


def chart(name: str, minutes: Sequence[Mapping[str, Any]]) -> LineChart:
    """Draw the last hour; the present minute is not over and is left out."""
    points = [Point(clock(minute["at"]), minute["finished"]) for minute in minutes[:-1]]
    return line_chart(f"{name}: messages handled each minute of the last hour", points, "messages a minute")


def clock(moment: str) -> str:
    """Write the time of day in London."""
    return f"{datetime.fromisoformat(moment).astimezone(LONDON):%H:%M}"


def switch_rows(told: Mapping[str, Any]) -> list[dict[str, str]]:
    """List what is set, everywhere first; a prison's own setting that says no more than on is left out."""
    everywhere = [{"type": kind, "prison": "", "mode": mode} for kind, mode in told["eventTypes"].items()]
    prisons = [
        {"type": each["eventType"], "prison": each["prisonId"], "mode": each["mode"]} for each in told["prisons"]
    ]
    return [*everywhere, *prisons]


def died(letter: Mapping[str, Any]) -> str:
    """Say when a letter died, or was first seen; what is no time, as whoever buried it wrote it."""
    text = str(letter.get("failureAt") or letter["firstSeen"])
    try:
        return when(text)
    except ValueError:
        return text
