"""The numbers of queues, outbox and relay (`reference/messaging.md` §5.6); made once for a process, and handed on.

Labels: `queue` and `topic` are ids of the topology, `event_type` one that has a handler, else `unknown`: nothing that
comes from outside becomes a label.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

from libs.telemetry.metrics import LATENCY_SECONDS, counter, gauge, latency

UNKNOWN_TYPE = "unknown"
ATTEMPTS = (1, 2, 3, 4, 6, 8, 12)
# From a commit to the end of its handling: a backlog takes minutes.
JOURNEY_SECONDS = (*LATENCY_SECONDS, 60.0, 300.0, 1800.0, 7200.0)
QUEUE = ("queue",)
TOPIC = ("topic",)


class ConsumerMetrics:
    """What consumers count, each for its queue."""

    def __init__(self, registry: CollectorRegistry) -> None:
        typed = ("queue", "event_type")
        self.received = counter(registry, "messaging_received", "Messages received", QUEUE)
        self.empty_receives = counter(registry, "messaging_empty_receives", "Polls that brought nothing", QUEUE)
        self.poll_errors = counter(registry, "messaging_poll_errors", "Polls that failed", QUEUE)
        self.processed = counter(registry, "messaging_processed", "Messages by their end", (*typed, "outcome"))
        self.handler_seconds = latency(registry, "messaging_handler_seconds", "From receive to end", typed)
        self.end_to_end_seconds = Histogram(
            "messaging_end_to_end_seconds",
            "From the commit (where the publisher says it, else the publish or the send) to the end of handling",
            QUEUE,
            registry=registry,
            buckets=JOURNEY_SECONDS,
        )
        self.attempts = Histogram(
            "messaging_attempts", "Receives a message had had at its end", QUEUE, registry=registry, buckets=ATTEMPTS
        )
        self.lane_wait_seconds = latency(
            registry,
            "messaging_lane_wait_seconds",
            "Of those that had to wait for another of their key",
            QUEUE,
        )
        self.slots_in_use = gauge(registry, "messaging_slots_in_use", "Messages in hand or asked for", QUEUE)
        self.slots_limit = gauge(registry, "messaging_slots_limit", "Messages that may be in hand", QUEUE)
        self.leases_held = gauge(registry, "messaging_leases_held", "Messages hidden from others for us", QUEUE)
        self.leases_lost = counter(registry, "messaging_leases_lost", "Messages that may be another's by now", QUEUE)
        self.heartbeats = counter(registry, "messaging_heartbeats", "Leases renewed", QUEUE)
        self.heartbeat_failures = counter(registry, "messaging_heartbeat_failures", "Renewals that failed", QUEUE)
        self.ack_failures = counter(registry, "messaging_ack_failures", "Deletes that failed, each try", QUEUE)
        self.backoff_failures = counter(registry, "messaging_backoff_failures", "Give-backs that failed", QUEUE)
        self.dead_lettered = counter(
            registry, "messaging_dead_lettered", "Put into the dead-letter queue", (*QUEUE, "reason")
        )
        self.paused = gauge(registry, "messaging_paused", "1 while polling pauses for want of another service", QUEUE)
        self.pauses = counter(registry, "messaging_pauses", "Times that polling paused", QUEUE)
        self.stuck = gauge(registry, "messaging_stuck", "1 while a poller or a handler does not get on", QUEUE)
        self.switches = gauge(
            registry, "messaging_feature_switch", "1 for the mode that a type is in everywhere", ("event_type", "mode")
        )
        self.last_poll = gauge(
            registry, "messaging_last_poll_success_timestamp_seconds", "When a poll was last answered", QUEUE
        )


class QueueCounts:
    """A consumer's own numbers, looked up once: this is done for every message."""

    def __init__(self, metrics: ConsumerMetrics, queue: str) -> None:
        self._metrics = metrics
        self._queue = queue
        self._ends: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._attempts = metrics.attempts.labels(queue)
        self._journeys = metrics.end_to_end_seconds.labels(queue)
        self._received = metrics.received.labels(queue)
        self._empty = metrics.empty_receives.labels(queue)
        self._last_poll = metrics.last_poll.labels(queue)
        self.poll_errors = metrics.poll_errors.labels(queue)

    def end(self, event_type: str, outcome: str, seconds: float, attempt: int) -> None:
        """Count how a message ended."""
        known = self._ends.get((event_type, outcome))
        if known is None:
            processed = self._metrics.processed.labels(self._queue, event_type, outcome)
            known = processed, self._metrics.handler_seconds.labels(self._queue, event_type)
            self._ends[event_type, outcome] = known
        known[0].inc()
        known[1].observe(seconds)
        self._attempts.observe(attempt)

    def journey(self, seconds: float) -> None:
        """Count how long it took from the commit."""
        self._journeys.observe(seconds)

    def poll(self, count: int, at: float) -> None:
        """Count what a poll brought."""
        (self._received if count else self._empty).inc(count or 1)
        self._last_poll.set(at)


class DepthMetrics:
    """What a sampler finds on queues."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = gauge(registry, "messaging_queue_messages", "Approximate counts", (*QUEUE, "state"))
        self.dead = gauge(registry, "messaging_dlq_messages", "Waiting in the dead-letter queue", QUEUE)
        self.oldest = gauge(
            registry,
            "messaging_queue_oldest_seconds",
            "Age of the oldest message received lately, an estimate; 0 when the queue is empty",
            QUEUE,
        )
        self.redrive_running = gauge(registry, "messaging_redrive_running", "1 while dead letters are retried", QUEUE)


class PublishMetrics:
    """What whoever publishes rows counts, and how many wait or are given up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = counter(registry, "messaging_published", "Entries by the topic's answer", (*TOPIC, "outcome"))
        self.publish_seconds = latency(registry, "messaging_publish_seconds", "One round of publishing")
        self.pending = gauge(registry, "messaging_outbox_pending", "Rows that wait")
        self.dead = gauge(registry, "messaging_outbox_dead", "Rows that the topic will never take")


class RelayMetrics(PublishMetrics):
    """What the relay of an outbox counts besides."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.oldest = gauge(registry, "messaging_outbox_oldest_seconds", "Age of the oldest row that waits")
        self.blocked_keys = gauge(registry, "messaging_outbox_blocked_keys", "Keys held back by a refused row")
        self.leader = gauge(registry, "messaging_relay_leader", "1 while this replica publishes")
        self.listener_up = gauge(registry, "messaging_listener_up", "1 while notifications of new rows can arrive")
        self.trace_dropped = counter(registry, "messaging_trace_dropped", "Messages with no room for their trace")
