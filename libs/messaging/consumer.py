"""Takes messages from a queue, has them handled, and ends each in one of four ways; lets go of none silently."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, nullcontext
from datetime import datetime
from math import ceil
from random import random

import structlog
from prometheus_client import CollectorRegistry

from libs.messaging.backoff import Backoff
from libs.messaging.breaker import Breaker
from libs.messaging.breaker import State as Breaking
from libs.messaging.closing import Closing
from libs.messaging.endings import Ending, Handler, Key, Runner, Unknown
from libs.messaging.envelope import Undecodable, opened
from libs.messaging.groups import Groups, Turn
from libs.messaging.heartbeat import Heartbeat
from libs.messaging.lanes import Lanes
from libs.messaging.leases import Lease, Leases, State
from libs.messaging.limits import ConsumerLimits
from libs.messaging.message import Message
from libs.messaging.metrics import UNKNOWN_TYPE, ConsumerMetrics, QueueCounts
from libs.messaging.outcome import NO_FACTS
from libs.messaging.queue import BATCH_MAX, BrokerUnavailable, Delivery, Queue, QueueGone, is_fifo
from libs.messaging.records import End, Handled, Observe, ids_of, logged
from libs.messaging.slots import Slots
from libs.messaging.supervision import beside, frames, kept_running, pause
from libs.messaging.switching import AllOn, Switches
from libs.messaging.traces import span_for
from libs.messaging.vitals import Vitals
from libs.messaging.waking import is_wake_up, wake_up
from libs.telemetry import spans
from libs.telemetry.tracing import TraceContext, begin

# A backlog: receives came back as full as they could.
FULL_RECEIVES = 2
POLL_GRACE_SECONDS = 2
ALONE = nullcontext()
log = structlog.get_logger()


class Consumer:
    """One queue's messages, `limits.messages_in_flight_max` at a time; those of one `key` one after the other."""

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        limits: ConsumerLimits,
        *,
        now: Callable[[], datetime],
        unknown: Unknown = "ignore",
        key: Key | None = None,
        switches: Switches | None = None,
        chance: Callable[[], float] = random,
        observe: Observe = logged,
        metrics: ConsumerMetrics | None = None,
        aside: Queue | None = None,
    ) -> None:
        # Without a registry of the process's the numbers are there and nobody sees them.
        metrics = metrics or ConsumerMetrics(CollectorRegistry())
        self._counts = QueueCounts(metrics, queue.name)
        self._types = frozenset(handlers)
        self._now = now
        self._queue = queue
        self._limits = limits
        self._observe = observe
        waited = metrics.lane_wait_seconds.labels(queue.name).observe
        self._slots = Slots(limits.messages_in_flight_max)
        self._breaker = Breaker(limits.breaker)
        self._vitals = Vitals(queue.name, limits.handler_seconds_max, limits.vitals)
        self._runner = Runner(
            handlers,
            unknown,
            key,
            switches or AllOn(),
            limits.handler_seconds_max,
            Lanes(),
            waited,
            self._vitals.handlers,
        )
        self._leases = Leases(limits.visibility_seconds)
        self._heartbeat = Heartbeat(queue, self._leases, limits.visibility_seconds, self._lost, metrics)
        backoff = Backoff(limits.backoff_seconds, limits.backoff_jitter, chance)
        self._groups = Groups()
        self._closing = Closing(queue, limits, backoff, self._heartbeat.quiet, now, self._groups, metrics, aside)
        self._pauses = metrics.pauses.labels(queue.name)
        self._running: dict[Lease, asyncio.Task[None]] = {}
        self._pollers: set[asyncio.Task[None]] = set()
        self._full_receives = 0
        self._oldest: datetime | None = None
        self._knows_redrive = False
        self._show(metrics)

    def _show(self, metrics: ConsumerMetrics) -> None:
        """Let the numbers be asked for that are worked out when they are scraped."""
        name = self._queue.name
        metrics.slots_limit.labels(name).set(self._slots.count)
        metrics.slots_in_use.labels(name).set_function(lambda: self._slots.count - self._slots.free)
        metrics.leases_held.labels(name).set_function(lambda: len(self._leases))
        metrics.paused.labels(name).set_function(lambda: self._breaker.state is not Breaking.CLOSED)
        metrics.stuck.labels(name).set_function(lambda: self._vitals.seen_stuck)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain; what could not end in time was given back when this returns."""
        async with AsyncExitStack() as stack:
            # Unwound from below: the heart beats until the last message has ended and the last batch is out.
            retry = self._limits.call_retry_seconds
            await stack.enter_async_context(beside("heartbeat", self._heartbeat.run, retry))
            await stack.enter_async_context(self._closing.open())
            await stack.enter_async_context(beside("vitals", self._vitals.watch, retry))
            stack.push_async_callback(self._drain)
            self._start_poller(stop, main=True)
            await stop.wait()

    def oldest_seen(self) -> datetime | None:
        """Tell when the oldest message received since the last question was sent; None when none came."""
        oldest, self._oldest = self._oldest, None
        return oldest

    def trouble(self) -> str | None:
        """Say what keeps messages from being handled: a service that is away, a poller or handler that is stuck."""
        if self._breaker.state is not Breaking.CLOSED:
            return f"paused: {self._breaker.away} is away"
        return self._vitals.stuck(_time())

    def hangs(self) -> bool:
        """Tell whether only a restart of the process helps."""
        return self._vitals.hangs(_time())

    def details(self) -> dict[str, str]:
        """Tell what `/health` shows of a queue's consumer."""
        last = self._vitals.last_poll
        told = {"breaker": self._breaker.state.value}
        return told if last is None else {**told, "pollerLastSuccessSecondsAgo": str(int(_time() - last))}

    def _start_poller(self, stop: asyncio.Event, *, main: bool) -> None:
        name = f"poller of {self._queue.name}"
        poll = kept_running(name, lambda: self._poll(stop, main=main), self._limits.call_retry_seconds)
        task = asyncio.create_task(poll, name=name)
        self._pollers.add(task)
        task.add_done_callback(self._pollers.discard)

    async def _poll(self, stop: asyncio.Event, *, main: bool) -> None:
        me = asyncio.current_task()
        assert me is not None
        try:
            await self._poll_on(me, stop, main=main)
        finally:
            self._vitals.rested(me)

    async def _poll_on(self, me: asyncio.Task[object], stop: asyncio.Event, *, main: bool) -> None:
        failures = 0
        while wanted := await self._wanted(me, stop, main=main):
            taken = 0
            self._vitals.ask(me, _time())
            try:
                taken = await self._receive(wanted)
                failures = 0
                self._vitals.heard(me, _time())
            except (BrokerUnavailable, QueueGone) as error:
                failures += 1
                self._vitals.last_error = str(error)
                self._counts.poll_errors.inc()
                log.warning("poll failed", queue=self._queue.name, reason=str(error), failures=failures)
            finally:
                self._slots.give(wanted - taken)
            if failures:
                await pause(stop, self._retry_pause(failures))
                continue
            self._full_receives = self._full_receives + 1 if taken == wanted else 0
            if taken == wanted:
                self._help(stop)
            elif not main:
                return
            if not taken and self._limits.idle_pause_seconds:
                await pause(stop, self._limits.idle_pause_seconds)

    async def _wanted(self, me: asyncio.Task[object], stop: asyncio.Event, *, main: bool) -> int:
        """Take slots for the next receive, one alone while the breaker tries; 0 when this poller's work is over."""
        while self._closing.behind_seconds(_time()) > self._limits.delete_behind_seconds_max and not stop.is_set():
            self._vitals.rested(me)
            await pause(stop, self._limits.call_retry_seconds)
        while self._breaker.state is not Breaking.CLOSED:
            self._vitals.rested(me)
            if not main or stop.is_set():
                return 0
            if seconds := self._breaker.wait(_time()):
                await pause(stop, seconds)
            elif not await self._slots.all_free():
                return 0
            elif self._breaker.state is Breaking.HALF_OPEN:
                return await self._slots.take(1, 0)
        return await self._slots.take(BATCH_MAX, self._limits.gather_seconds if self._full_receives else 0)

    def _help(self, stop: asyncio.Event) -> None:
        """Start another poller while receives come back full and there are slots to fill."""
        useful = ceil(self._slots.count / BATCH_MAX)
        if self._full_receives >= FULL_RECEIVES and len(self._pollers) < useful and self._slots.free:
            self._start_poller(stop, main=False)

    def _retry_pause(self, failures: int) -> float:
        first, longest = self._limits.poll_retry_first_seconds, self._limits.poll_retry_longest_seconds
        return min(longest, first * 2.0 ** min(failures - 1, 20)) * (0.5 + random() / 2)  # noqa: S311 - spreads load

    async def _receive(self, wanted: int) -> int:
        """Receive and start the handling of what came; return how many slots that took."""
        if not self._knows_redrive:
            self._closing.max_receives = await self._queue.max_receives()
            self._knows_redrive = True
        called_at = asyncio.get_running_loop().time()
        deliveries = await self._queue.receive(
            wanted, wait_seconds=self._limits.wait_seconds, visibility_seconds=self._limits.visibility_seconds
        )
        for delivery in deliveries:
            self._oldest = min(self._oldest or delivery.sent_at, delivery.sent_at)
            self._start(delivery, self._leases.take(delivery.receipt, called_at))
        self._heartbeat.noted()
        self._counts.poll(len(deliveries), self._now().timestamp())
        return len(deliveries)

    def _start(self, delivery: Delivery, lease: Lease) -> None:
        if self._slots.closed:
            work = self._give_back(delivery, lease)
        else:
            group = delivery.group if is_fifo(self._queue.name) else None
            work = self._handle(delivery, self._groups.join(group, lease))
        task = asyncio.create_task(work)
        self._running[lease] = task
        task.add_done_callback(lambda ended: self._ended(lease, ended))

    def _ended(self, lease: Lease, task: asyncio.Task[None]) -> None:
        """Free the slot; here only, whatever happened."""
        if not task.cancelled() and (error := task.exception()):
            log.error("ending failed", queue=self._queue.name, error=type(error).__name__, frames=frames(error))
        del self._running[lease]
        self._leases.drop(lease)
        self._slots.give(1)

    def _lost(self, lease: Lease) -> None:
        task = self._running.get(lease)
        if task is not None:
            task.cancel()

    async def _handle(self, delivery: Delivery, turn: Turn) -> None:
        started = asyncio.get_running_loop().time()
        message: Message | None = None
        ending: Ending | None = None
        end: End = "released"
        trace: TraceContext | None = None
        try:
            async with self._groups.turn(turn) if turn.group else ALONE:
                if not turn.fallen:
                    try:
                        message = opened(delivery, self._queue.name)
                        trace = span_for(message, self._now(), propagate=self._limits.propagate_tracing)
                        begin(trace, **ids_of(message))
                        ending = await self._runner.run(message)
                        self._judge(ending)
                    except Undecodable as poison:
                        ending = Ending("unprocessable", str(poison))
                    end = await self._closing.end(delivery, turn.lease, ending)
        except asyncio.CancelledError:
            # Ours, by a lost lease or a drain that is over; whoever cancelled waits for this task to end.
            end = "lost" if turn.lease.state is State.LOST else "released"
            await self._closing.release(delivery, turn.lease)
        seconds = asyncio.get_running_loop().time() - started
        spans.ended(
            f"process {self._queue.name}",
            "CONSUMER",
            trace,
            seconds,
            {
                "messaging.destination.name": self._queue.name,
                "messaging.operation.type": "process",
                "event_type": message.type if message else "",
                "outcome": end,
            },
            failed=ending is not None and ending.error is not None,
        )
        handled = Handled(
            queue=self._queue.name,
            id=message.id if message else delivery.message_id,
            type=message.type if message else "",
            attempt=delivery.receive_count,
            outcome=end,
            reason=ending.reason if ending else "",
            facts=ending.facts if ending else NO_FACTS,
            seconds=seconds,
            error=ending.error if ending else None,
            trace_id=trace.trace_id if trace else "",
            journey_seconds=self._journey(message, end),
        )
        self._count(handled)
        self._observe(handled)

    def _judge(self, ending: Ending) -> None:
        """Let the breaker know how a handler got on."""
        if ending.outcome == "done":
            self._breaker.fine()
        elif not ending.away:
            self._breaker.unclear()
        elif self._breaker.failed(ending.away, _time()):
            self._pauses.inc()
            log.warning("queue paused", queue=self._queue.name, away=ending.away, reason=ending.reason)

    def _journey(self, message: Message | None, end: End) -> float | None:
        if message is None or end != "done":
            return None
        # Clocks of two machines may differ.
        return max(0.0, (self._now() - message.told_at).total_seconds())

    def _count(self, handled: Handled) -> None:
        kind = handled.type if handled.type in self._types else UNKNOWN_TYPE
        self._counts.end(kind, handled.outcome, handled.seconds, handled.attempt)
        if handled.journey_seconds is not None:
            self._counts.journey(handled.journey_seconds)

    async def _give_back(self, delivery: Delivery, lease: Lease) -> None:
        """For what an open poll brought after the stop."""
        if is_wake_up(delivery):
            await self._closing.end(delivery, lease, Ending("ignored"))
            return
        log.debug("received after the stop", queue=self._queue.name, id=delivery.message_id)
        await self._closing.release(delivery, lease)

    async def _drain(self) -> None:
        """Let running handlers and open polls end; what is left is cancelled, which gives the messages back."""
        self._slots.close()
        drain, wait = self._limits.drain_seconds, self._limits.wait_seconds
        waking = asyncio.create_task(self._wake_pollers())
        ended = await self._within(drain)
        cancelled = self._cancel(self._running.values())
        # A poll that is cancelled strands what it brings until its visibility ends.
        await self._within(max(0, wait - drain) + POLL_GRACE_SECONDS)
        stranded = self._cancel(self._pollers)
        await self._within(POLL_GRACE_SECONDS)
        waking.cancel()
        await asyncio.wait([waking])
        log.info("drained", queue=self._queue.name, ended=ended, cancelled=cancelled, polls_cancelled=stranded)

    async def _wake_pollers(self) -> None:
        """End long polls that are open; what else they bring is given back."""
        count = len(self._pollers)
        for _ in range(self._limits.wake_rounds_max if self._limits.wait_seconds else 0):
            if self._pollers:
                await asyncio.wait(self._pollers, timeout=self._limits.wake_seconds)
            if not self._pollers:
                return
            try:
                await self._queue.send([wake_up(self._queue.name) for _ in range(min(count, BATCH_MAX))])
            except (BrokerUnavailable, QueueGone) as error:
                log.warning("wake-up failed", queue=self._queue.name, reason=str(error))
                return
            count *= 2

    def _cancel(self, tasks: Collection[asyncio.Task[None]]) -> int:
        for task in reversed(list(tasks)):
            task.cancel()
        return len(tasks)

    async def _within(self, seconds: float) -> int:
        """Wait for all that runs, and for what it starts, at most that long; return how many ended."""
        loop = asyncio.get_running_loop()
        deadline, ended = loop.time() + seconds, 0
        while (waiting := {*self._running.values(), *self._pollers}) and loop.time() < deadline:
            done, _ = await asyncio.wait(waiting, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
            ended += len(done)
            # Let the callbacks of what ended run.
            await asyncio.sleep(0)
        return ended


def _time() -> float:
    return asyncio.get_running_loop().time()
