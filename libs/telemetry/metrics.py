"""Numbers to scrape; every registry is made in a composition root and handed in, so that tests never share one."""

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest

LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def process_registry() -> CollectorRegistry:
    """Make a registry that already tells memory, CPU and open files of this process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def latency(registry: CollectorRegistry, name: str, documentation: str, labels: tuple[str, ...] = ()) -> Histogram:
    """Make a histogram of seconds in the buckets the whole house uses."""
    return Histogram(name, documentation, labels, registry=registry, buckets=LATENCY_SECONDS)


def exposition(registry: CollectorRegistry) -> bytes:
    """Write a registry in the text format that Prometheus scrapes."""
    return generate_latest(registry)
