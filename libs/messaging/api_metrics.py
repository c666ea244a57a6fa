"""Counts every call to the broker, by operation and answer: empty polls and retries are paid for like any other."""

import re
import time
from typing import Any

from botocore.exceptions import ClientError
from prometheus_client import CollectorRegistry, Counter, Histogram

from libs.messaging.faults import code_of
from libs.telemetry.metrics import counter, latency

GOOD = "ok"
# The broker's own words; anything else that claims to be one becomes no label.
CODE = re.compile("[A-Za-z][A-Za-z.]{0,59}")
ODD = "other"
BEGAN = "messaging_began"


class ApiMetrics:
    """One for a process. Times are seconds; a long poll is as long as it waits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(
            registry, "messaging_api_requests", "Calls to the broker by their answer", ("operation", "code")
        )
        self._seconds = latency(registry, "messaging_api_seconds", "Until the broker answered", ("operation",))
        self._known: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def seen(self, operation: str, began: float, failure: BaseException | None = None) -> None:
        """Count a call that began then (`time.perf_counter`)."""
        code = GOOD if failure is None else _code(failure)
        known = self._known.get((operation, code))
        if known is None:
            known = self._requests.labels(operation, code), self._seconds.labels(operation)
            self._known[operation, code] = known
        known[0].inc()
        known[1].observe(time.perf_counter() - began)

    def watch(self, client: Any) -> None:
        """Count what a botocore client calls."""
        events = client.meta.events
        events.register("before-call", _begin)
        events.register("after-call", self._after)
        events.register("after-call-error", self._after_error)

    def _after(self, model: Any, parsed: Any, context: Any, **_: Any) -> None:
        error = parsed.get("Error")
        self.seen(
            model.name, context.get(BEGAN, time.perf_counter()), ClientError(parsed, model.name) if error else None
        )

    def _after_error(self, exception: BaseException, context: Any, event_name: str, **_: Any) -> None:
        self.seen(event_name.rpartition(".")[2], context.get(BEGAN, time.perf_counter()), exception)


def _begin(context: Any, **_: Any) -> None:
    context[BEGAN] = time.perf_counter()


def _code(failure: BaseException) -> str:
    code = code_of(failure) if isinstance(failure, ClientError) else type(failure).__name__
    return code if CODE.fullmatch(code) else ODD
