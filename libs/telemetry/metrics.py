"""Numbers to scrape: one registry for each process, made in its composition root and handed to whoever counts.

Whoever counts (`libs.web.metrics`, `libs.db.metrics`, messaging) takes the registry when it is made and registers its
own numbers there; `/metrics` shows them all. Nothing is registered globally, so that two applications in one process,
as tests have them, never share a number.
"""

from collections.abc import Callable, Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def process_registry() -> CollectorRegistry:
    """Make a registry that already tells memory, CPU and open files of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def latency(registry: CollectorRegistry, name: str, documentation: str, labels: Iterable[str] = ()) -> Histogram:
    """Make a histogram of seconds in the buckets the whole house uses."""
    return Histogram(name, documentation, tuple(labels), registry=registry, buckets=LATENCY_SECONDS)


def counter(registry: CollectorRegistry, name: str, documentation: str, labels: Iterable[str] = ()) -> Counter:
    """Make a number that only grows; its name ends in `_total` on the page."""
    return Counter(name, documentation, tuple(labels), registry=registry)


def gauge(registry: CollectorRegistry, name: str, documentation: str, labels: Iterable[str] = ()) -> Gauge:
    """Make a number that goes up and down."""
    return Gauge(name, documentation, tuple(labels), registry=registry)


def asked(registry: CollectorRegistry, name: str, documentation: str, value: Callable[[], float]) -> None:
    """Make a gauge that is worked out when it is scraped, and costs nothing otherwise; `value` must not wait."""
    Gauge(name, documentation, registry=registry).set_function(value)


def exposition(registry: CollectorRegistry) -> bytes:
    """Write a registry in the text format that Prometheus scrapes (`CONTENT_TYPE`)."""
    return generate_latest(registry)
