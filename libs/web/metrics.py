"""What the doors count: requests and seconds by route template and status, named as Micrometer does."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

from libs.telemetry.metrics import asked, counter, latency

# A stranger may send any word as a method; each would be a series of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "OTHER"
UNKNOWN_ROUTE = "UNKNOWN"

Observe = Callable[[str, int, float], None]


class HttpMetrics:
    """The numbers of one application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = latency(
            registry, "http_server_requests_seconds", "Requests answered", ("method", "uri", "status")
        )
        self._failures = counter(registry, "http_server_failures", "Requests that failed unexpectedly", ("exception",))
        self.active = 0
        asked(registry, "http_server_requests_active", "Requests being answered", lambda: self.active)

    def failed(self, error: Exception) -> None:
        """Count what no table of problems foresaw; each has its stack in the log."""
        self._failures.labels(type(error).__name__).inc()

    def route(self, template: str) -> Observe:
        """Make the function that counts for one route: method, status, seconds. Labels are looked up once each."""
        known: dict[tuple[str, int], Histogram] = {}
        seconds = self._seconds

        def observe(method: str, status: int, took: float) -> None:
            series = known.get((method, status))
            if series is None:
                listed = method if method in METHODS else OTHER
                series = known[listed, status] = seconds.labels(listed, template, str(status))
            series.observe(took)

        return observe
