"""The whole of it on one bench: both sides, the broker, the relays, the workers with their real handlers."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from json import loads
from types import MappingProxyType
from typing import Any
from uuid import UUID

from libs.domain.events import SETTLE, LocationEvent, LocationEventType, OffenderEvent, OffenderEventType, SettleRequest
from libs.domain.prisons import is_ignored
from libs.domain.reading import read
from libs.domain.sync import Side
from libs.messaging.backoff import Backoff, is_last
from libs.messaging.burial import buried, exhumed
from libs.messaging.endings import Handler
from libs.messaging.envelope import Undecodable, opened
from libs.messaging.memory import MemoryBroker, MemoryQueue, NoFaults
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, RetryLater, Unprocessable
from libs.messaging.queue import BATCH_MAX, Delivery, Depth, Parcel
from libs.web.outgoing import RemoteFailure
from libs.worker.handling import guarded
from services.from_nomis.app import handlers as from_nomis_handlers
from services.from_nomis.sync import Synchroniser
from services.migration.settings import StageLimits
from services.migration.stages.work import LIST, PAGE, Call, Stages
from services.reconciliation.reconcile.looking import Look
from services.reconciliation.reconcile.noting import given_up_by
from services.reconciliation.reconcile.settle_check import SettleCheck
from services.reconciliation.records import DueLocation
from services.reconciliation.rules.settling import PARKED_ONE_WAY
from services.reconciliation.settings import SettleLimits
from services.to_nomis.app import handlers as to_nomis_handlers
from services.to_nomis.publish import Publisher
from tests.fakes.fake_bulk import BulkLocations, BulkMappings, BulkNomis
from tests.simulation.scheduling import QUIET, Fiber, Process, Rates, Remote, RemoteNomis, Scheduler, Wire
from tests.simulation.seams import SOUND, Seams, topology
from tests.simulation.sides import Clock, Outbox, SimMappings
from tests.simulation.tables import DueTable, MigrationTables

TO_NOMIS, FROM_NOMIS = "to-nomis-locations", "from-nomis-locations"
RECONCILIATION, MIGRATION = "reconciliation-locations", "migration-locations"
# All ids on one page: rows deleted while NOMIS is listed page by page shift the rest, and one is never listed.
# That is for reconciliation's full run to find, which this simulation leaves out on purpose: it would find anything.
PAGE_LIMITS = StageLimits(ids_page=50, page=3, lease_seconds=30)
SETTLE_LIMITS = SettleLimits(settle_seconds=20, longest_seconds=120, late_seconds=3600, batch=20)
Handlers = Callable[[Fiber], Mapping[str, Handler]]


@dataclass(slots=True)
class Redelivery(NoFaults):
    """Now and then a deleted message is delivered once more."""

    scheduler: Scheduler

    def twice(self) -> bool:
        return self.scheduler.strikes(self.scheduler.rates.twice)


@dataclass(slots=True)
class Worker:
    """Processes that take from one queue, with the handlers of their service; nothing before they are awake."""

    queue: str
    processes: list[Process]
    handlers: Handlers
    asleep_until: float = 0.0


@dataclass(slots=True)
class Counted:
    """What happened, for the bounds."""

    endings: Counter[str] = field(default_factory=Counter)
    echoes: list[str] = field(default_factory=list)
    dead: int = 0


class World:
    """Everything, stepped by `scheduler`."""

    def __init__(
        self,
        seed: int,
        *,
        conditional_writes: bool,
        rates: Rates = QUIET,
        seams: Seams = SOUND,
    ) -> None:
        self.seams = seams
        self.clock = Clock()
        self.scheduler = Scheduler(seed, rates)
        self.locations = seams.locations(self.clock)
        self.nomis = seams.nomis(self.clock, conditional_writes=conditional_writes)
        self.locations.step = self.nomis.step = lambda: self.scheduler.steps
        self.mappings = SimMappings()
        self.mappings.step, self.mappings.base_of = self.nomis.step, self._base_of
        self.due = DueTable(self._is_unheard)
        self.migration = MigrationTables("2026-11-24T09:00:00")
        self.migration.over = True
        self.topology = topology()
        self.counted = Counted()
        self.one_way_since: int | None = None
        self.broker = self._new_broker()
        made = self.scheduler.process
        self.relays = [(made(f"relay of {o.topic}", 1), o) for o in (self.locations.outbox, self.nomis.outbox)]
        self.checker = made("settle check", 1)
        self.sweeper = made("migration sweeper", 1)
        self.publisher = made("locations API", 8)
        self.workers = [
            Worker(TO_NOMIS, [made("to_nomis 1"), made("to_nomis 2")], self._to_nomis),
            Worker(FROM_NOMIS, [made("from_nomis 1"), made("from_nomis 2")], self._from_nomis),
            Worker(MIGRATION, [made("migration")], self._migration),
            Worker(RECONCILIATION, [made("reconciliation")], self._reconciliation),
        ]

    def _new_broker(self) -> MemoryBroker:
        return MemoryBroker(self.topology, Redelivery(self.scheduler), now=lambda: self.scheduler.seconds)

    def _base_of(self, dps_id: UUID) -> Mapping[str, Any]:
        state = self.locations.states.get(dps_id)
        return {**state.base} if state and state.base else {}

    def lose_broker(self) -> None:
        """The broker forgets everything; what outboxes and tables hold is sent again."""
        self.scheduler.tell("the broker forgets everything")
        self.broker = self._new_broker()
        for _, outbox in self.relays:
            for row in outbox.rows:
                row.published = False

    def go_one_way(self, prison_id: str) -> None:
        """Take nothing from NOMIS any more."""
        self.scheduler.tell(f"{prison_id} goes one way")
        self.one_way_since = self.scheduler.steps
        self.locations.switch_over(prison_id, one_way=True)

    def turn_back(self, prison_id: str) -> None:
        """Take from NOMIS again, as `services.reconciliation.reconcile.switch_over` has it done."""
        self.scheduler.tell(f"{prison_id} turns back")
        self.one_way_since = None
        self.locations.switch_over(prison_id, one_way=False)
        self.due.resume(PARKED_ONE_WAY, self.clock.now())

    # --- what a process can begin to do ---

    def poll(self, worker: Worker, process: Process) -> None:
        """Take up to three messages and begin to handle each."""
        wanted = self.scheduler.chance.randint(1, process.slots - len(process.fibers))
        for delivery in self._receive(worker.queue, wanted):
            self.scheduler.start(process, delivery.message_id[-6:], partial(self._handle, worker, delivery))

    def relay(self, process: Process, outbox: Outbox) -> None:
        self.scheduler.start(process, "publish", partial(self._publish, outbox))

    def check(self) -> None:
        self.scheduler.start(self.checker, "look", self._check)

    def sweep(self) -> None:
        self.scheduler.start(self.sweeper, "sweep", self._sweep)

    def publish_at_once(self, parcel: Parcel, topic: str) -> None:
        """Publish after the commit, as a service without an outbox would."""
        self.scheduler.start(self.publisher, "publish", partial(self._publish_one, parcel, topic))

    def visible(self, queue: str) -> bool:
        now = self.scheduler.seconds
        return any(each.visible_at <= now for each in self._queue(queue)._messages.values())

    def next_visible(self) -> float | None:
        """When the next hidden message shows to somebody who is awake."""
        times = [
            max(m.visible_at, w.asleep_until) for w in self.workers for m in self._queue(w.queue)._messages.values()
        ]
        return min(times, default=None)

    def fall_asleep(self, seconds: float) -> None:
        """Have both workers of the walk take nothing for so long."""
        self.scheduler.tell(f"the workers sleep for {seconds} s")
        for worker in self.workers:
            if worker.queue in (TO_NOMIS, FROM_NOMIS):
                worker.asleep_until = self.scheduler.seconds + seconds

    def is_awake(self, worker: Worker) -> bool:
        return worker.asleep_until <= self.scheduler.seconds

    def messages(self) -> int:
        return sum(len(self._queue(worker.queue)._messages) for worker in self.workers)

    def dead_letters(self) -> list[tuple[str, Parcel]]:
        """What is in the dead-letter queues, by the queue it came from."""
        return [
            (worker.queue, stored.parcel)
            for worker in self.workers
            for stored in self._queue(worker.queue + "-dlq")._messages.values()
        ]

    def redrive(self) -> int:
        """Give every dead letter back, as an operator does."""
        count = 0
        for worker in self.workers:
            dead = self._queue(worker.queue + "-dlq")
            for stored in [*dead._messages.values()]:
                delivery = Delivery("", stored.message_id, stored.parcel.body, stored.parcel.attributes, 1, _at(self))
                self._queue(worker.queue).put(exhumed(delivery))
                count += 1
            dead._messages.clear()
        return count

    def _queue(self, name: str) -> MemoryQueue:
        return self.broker.queue(name)

    def _receive(self, name: str, wanted: int) -> list[Delivery]:
        plan = self.topology.queues[name]
        receiving = self._queue(name).receive(wanted, wait_seconds=0, visibility_seconds=plan.visibility_seconds)
        found: list[Delivery] = _at_once(receiving)
        return found

    # --- handling ---

    async def _handle(self, worker: Worker, delivery: Delivery, fiber: Fiber) -> None:
        wire = Wire(self.scheduler, fiber)
        queue = self._queue(worker.queue)
        if self.seams.ack_first:
            await self._again(wire, lambda: queue.delete([delivery.receipt]), "delete")
        message = opened(delivery, worker.queue)
        try:
            outcome = await worker.handlers(fiber)[message.type](message)
        except RetryLater as later:
            await self._give_back(wire, worker, delivery, later.reason)
            return
        except (Unprocessable, Undecodable) as poison:
            await self._bury(wire, worker, delivery, str(poison))
            return
        self._count(worker, message, outcome)
        if not self.seams.ack_first:
            await self._again(wire, lambda: queue.delete([delivery.receipt]), "delete")

    async def _give_back(self, wire: Wire, worker: Worker, delivery: Delivery, reason: str) -> None:
        self.scheduler.tell(f"{worker.queue} {delivery.message_id[-6:]} retries later: {reason}")
        plan = self.topology.queues[worker.queue]
        if is_last(delivery.receive_count, plan.max_receive_count):
            await self._bury(wire, worker, delivery, reason)
            return
        wait = Backoff(plan.backoff_seconds, 0.2, self.scheduler.chance.random).wait(delivery.receive_count)
        queue = self._queue(worker.queue)
        await self._again(wire, lambda: queue.change_visibility([(delivery.receipt, wait)]), "give back")

    async def _bury(self, wire: Wire, worker: Worker, delivery: Delivery, reason: str) -> None:
        self.scheduler.tell(f"{worker.queue} {delivery.message_id[-6:]} is dead: {reason}")
        self.counted.dead += 1
        queue = self._queue(worker.queue)
        parcel = buried(delivery, reason, self.clock.now())
        await self._again(wire, lambda: queue.send_dead([parcel]), "bury")
        await self._again(wire, lambda: queue.delete([delivery.receipt]), "delete")

    async def _again(self, wire: Wire, act: Callable[[], Any], name: str) -> None:
        """Call the broker; what fails is left to the next delivery."""
        del name
        await _suppressing(wire.call("broker", act))

    def _count(self, worker: Worker, message: Message, outcome: Outcome) -> None:
        note = outcome.note if isinstance(outcome, Done) else "ignored"
        self.counted.endings[f"{worker.queue}: {note}"] += 1
        walked = isinstance(outcome, Done) and worker.queue in (TO_NOMIS, FROM_NOMIS)
        topic, _, number = message.id.rpartition("-")
        outboxes = {outbox.topic: outbox for _, outbox in self.relays}
        if walked and topic in outboxes and outboxes[topic].rows[int(number)].ours:
            self.counted.echoes.append(message.id)

    # --- the services ---

    def _ports(self, fiber: Fiber) -> tuple[Any, Any, Any]:
        wire = Wire(self.scheduler, fiber)
        return (
            self.seams.over_locations(Remote(self.locations, wire, "dps")),
            self.seams.over_nomis(RemoteNomis(self.nomis, wire, "nomis")),
            self.seams.over_mappings(Remote(self.mappings, wire, "mapping")),
        )

    def _to_nomis(self, fiber: Fiber) -> Mapping[str, Handler]:
        return to_nomis_handlers(Publisher(self.seams.walk(*self._ports(fiber), Side.DPS)))

    def _from_nomis(self, fiber: Fiber) -> Mapping[str, Handler]:
        return from_nomis_handlers(Synchroniser(self.seams.walk(*self._ports(fiber), Side.NOMIS)))

    def _migration(self, fiber: Fiber) -> Mapping[str, Handler]:
        stages = self._stages(fiber)
        return {LIST: guarded(stages.list_ids), PAGE: guarded(stages.migrate_page)}

    def _stages(self, fiber: Fiber) -> Stages:
        wire = Wire(self.scheduler, fiber)
        locations, nomis, mappings = self._ports(fiber)
        tables: Any = Remote(self.migration, wire, "table")
        return Stages(
            tables,
            tables,
            nomis,
            mappings,
            locations,
            wake=partial(self._wake, wire),
            now=self.clock.now,
            limits=PAGE_LIMITS,
            works={},
            # A play has no loop; what outlasts a lease there is taken up by another.
            renewing=lambda keep, seconds: nullcontext(),  # noqa: ARG005 - the port's signature
        )

    async def _wake(self, wire: Wire, calls: Sequence[Call]) -> None:
        for call in calls:
            parcel = Parcel(call.model_dump_json(by_alias=True), {"eventType": call.type})
            await wire.call("broker", partial(self.send, MIGRATION, parcel))

    def send(self, queue: str, parcel: Parcel) -> Awaitable[Any]:
        return self._queue(queue).send([parcel])

    def _reconciliation(self, fiber: Fiber) -> Mapping[str, Handler]:
        note = guarded(partial(self._note, Wire(self.scheduler, fiber)))
        return MappingProxyType({kind.value: note for kind in (*LocationEventType, *OffenderEventType)})

    async def _note(self, wire: Wire, message: Message) -> Outcome:
        """Do as `services.reconciliation.reconcile.noting`, which gathers notes by the loop's clock."""
        if message.type in set(LocationEventType):
            told = read(LocationEvent, message.body).additional_information
            where, given_up = DueLocation(Side.DPS, str(told.location_id)), None
        else:
            event = read(OffenderEvent, message.body)
            if is_ignored(event.prison_id):
                return Ignored("ignored prison")
            where, given_up = DueLocation(Side.NOMIS, str(event.internal_location_id)), given_up_by(event)
        due = self.clock.now() + timedelta(seconds=SETTLE_LIMITS.settle_seconds)
        await wire.call("due.note", lambda: self.due.note(where, due, given_up))
        return Done("settle-check-noted")

    async def _check(self, fiber: Fiber) -> None:
        wire = Wire(self.scheduler, fiber)
        look = Look(
            *(
                Remote(port, wire, f"bulk {name}")
                for port, name in (
                    (BulkNomis(self.nomis), "nomis"),
                    (BulkMappings(self.mappings), "mapping"),
                    (BulkLocations(self.locations), "dps"),
                )
            )
        )
        check = SettleCheck(self.due_store(), look, _Asking(self, wire), self.clock.now, SETTLE_LIMITS)
        await _suppressing(check.work())

    def _is_unheard(self, where: DueLocation) -> bool:
        """Whether a worker was asked for this location and has not come to it."""
        key = "dpsLocationId" if where.side is Side.DPS else "nomisLocationId"
        waiting = [m.parcel for w in self.workers for m in self._queue(w.queue)._messages.values() if not m.receives]
        asked = [loads(each.body) for each in waiting if each.attributes.get("eventType") == SETTLE]
        return any(str(each.get(key)) == where.id for each in asked)

    def due_store(self) -> Any:
        return self.due

    async def _sweep(self, fiber: Fiber) -> None:
        await _suppressing(self._stages(fiber).sweep())

    async def _publish(self, outbox: Outbox, fiber: Fiber) -> None:
        wire = Wire(self.scheduler, fiber)
        rows = outbox.waiting()[: self.scheduler.chance.randint(1, BATCH_MAX)]
        broker = self.broker

        def mark() -> None:
            for row in rows:
                row.published = broker is self.broker

        async def work() -> None:
            topic = broker.topic(outbox.topic)
            await wire.call(f"{outbox.topic}.publish", lambda: topic.publish([row.parcel for row in rows]))
            await wire.call(f"{outbox.topic}.mark", mark)

        await _suppressing(work())

    async def _publish_one(self, parcel: Parcel, topic: str, fiber: Fiber) -> None:
        wire = Wire(self.scheduler, fiber)
        await _suppressing(wire.call("publish", lambda: self.broker.topic(topic).publish([parcel])))


@dataclass(frozen=True, slots=True)
class _Asking:
    """`services.reconciliation.ports.Workers` over the broker."""

    world: World
    wire: Wire

    async def backlog(self) -> int:
        depths: list[Depth] = [_at_once(self.world.broker.queue(name).depth()) for name in (TO_NOMIS, FROM_NOMIS)]
        return sum(depth.visible + depth.delayed for depth in depths)

    async def ask(self, requests: Sequence[SettleRequest]) -> None:
        for request in requests:
            queue = TO_NOMIS if request.dps_location_id is not None else FROM_NOMIS
            parcel = Parcel(request.model_dump_json(by_alias=True), {"eventType": SETTLE})
            await self.wire.call("ask", partial(self.world.send, queue, parcel))


async def _suppressing(work: Awaitable[Any]) -> None:
    """A failed call of a loop that comes again anyway."""
    try:
        await work
    except RemoteFailure:
        return


def _at_once(coroutine: Any) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def _at(world: World) -> Any:
    return world.clock.now()
