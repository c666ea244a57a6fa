"""Plays one seed: edits and faults for a while, then quiet, then the judge."""

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from uuid import UUID

from libs.domain.identity import dps_id_for
from libs.domain.mapping import LocationMapping, MappingType
from libs.domain.nomis import NomisLocationId, NomisUsage
from libs.domain.sync import Side
from libs.messaging.queue import Parcel
from services.migration.stages.work import LIST, Call
from services.reconciliation.records import DueLocation
from tests.libs.domain.rows import nomis_cell
from tests.simulation.judge import DUPLICATE, duplicates, faults
from tests.simulation.people import PRISON, People
from tests.simulation.scheduling import QUIET, Rates
from tests.simulation.seams import SOUND, Seams
from tests.simulation.world import MIGRATION, World

STEPS_MAX = 40_000
ROUGH_STEPS = 4_000
"""After so many nothing goes wrong any more, whether it is quiet or not."""
TURNS_FOR_EDIT = 12
SLEEP_SECONDS = 400
"""Longer than all rounds of a settle check take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed is about."""

    conditional_writes: bool
    authority: Side
    rates: Rates
    edits: int
    migrates: bool
    loses_broker: bool
    switches: bool
    turns_back: bool
    sleeps: bool

    @classmethod
    def of(cls, seed: int) -> "Plan":
        """Derive it from the seed."""
        chance = Random(seed * 7919 + 1)
        rough = chance.choice((0.0, 0.01, 0.03))
        stage = Random(seed * 7919 + 2)
        plan = cls(
            conditional_writes=chance.random() < 0.6,
            authority=Side.NOMIS if chance.random() < 0.15 else Side.DPS,
            rates=Rates(rough, rough, rough / 2, rough, rough / 3, rough),
            edits=chance.randint(4, 24),
            migrates=chance.random() < 0.4,
            loses_broker=chance.random() < 0.1,
            switches=stage.random() < 0.25,
            turns_back=stage.random() < 0.5,
            # None of those that once failed, so that they play as they did.
            sleeps=seed % 17 == 14,
        )
        return replace(plan, switches=plan.switches and not plan.migrates)


@dataclass(frozen=True, slots=True)
class Played:
    """How a seed ended."""

    seed: int
    plan: Plan
    wrong: list[str]
    world: World
    people: People
    mended: Counter[str]


class Player:
    """Chooses, step by step, what happens next."""

    def __init__(self, seed: int, plan: Plan, seams: Seams) -> None:
        self.plan = plan
        self.world = World(seed, conditional_writes=plan.conditional_writes, rates=plan.rates, seams=seams)
        self.people = People(self.world)
        self.edits_left = plan.edits
        self.losses_left = 2 if plan.loses_broker else 0
        self.slept = False
        self.mended: Counter[str] = Counter()
        """What operators had to do, and how often."""

    def play(self) -> list[str]:
        furnish(self.world, self.plan)
        self._until_quiet()
        self.world.scheduler.rates = QUIET
        self.world.scheduler.tell("QUIET from here")
        self._until_quiet()
        for _ in range(3):
            if not self._mend():
                break
            self._until_quiet()
        return faults(self.world, self.people)

    def _mend(self) -> bool:
        """Do what operators do: give what two rows share to one of them, and what is dead another try."""
        world = self.world
        shared = duplicates(world)
        for row in shared:
            self.people.give_another_code(row)
        left = self._left_by_migration()
        for dps_id in left:
            world.due.demand(DueLocation(Side.DPS, str(dps_id)), world.clock.now())
        again = [DueLocation(Side.NOMIS, str(nomis_id)) for nomis_id in world.migration.failed()]
        given_up = [each for each in again if each in world.due.rows and world.due.rows[each].parked is not None]
        for where in given_up:
            world.due.demand(where, world.clock.now())
        doubles = sum(DUPLICATE in parcel.attributes.get("failureReason", "") for _, parcel in world.dead_letters())
        did = {
            "location that the weekly run finds": len(left),
            "row at a taken path given another code": len(shared),
            "failed item of a migration tried again": world.migration.reopen(),
            "parked row of a failed item asked for again": len(given_up),
            "dead letter of a row at a taken path sent back": doubles,
            "dead letter of an outage or a crash sent back": world.redrive() - doubles,
        }
        self.mended.update(did)
        return any(did.values())

    def _left_by_migration(self) -> list[UUID]:
        """Return what a migration made and could not link, its row being linked by then: no event tells of it."""
        world = self.world
        made = {dps_id_for(nomis_id) for nomis_id in world.migration.items}
        return [each for each in world.locations.rows if each in made and each not in world.mappings.by_dps]

    def _until_quiet(self) -> None:
        while self._step():
            self.world.scheduler.steps += 1
            if self.world.scheduler.steps == ROUGH_STEPS:
                self.world.scheduler.rates = QUIET
            if self.world.scheduler.steps > STEPS_MAX:
                raise AssertionError("it never gets quiet")

    def _step(self) -> bool:
        """Let one thing happen; False when there is nothing left to happen."""
        world = self.world
        self._hurt()
        if not world.seams.outbox:
            self._publish_after_commit()
        scheduler = world.scheduler
        begin = self._beginnings()
        fibers = scheduler.fibers()
        self._switch_over()
        self._fall_asleep()
        if self.edits_left and (scheduler.chance.random() < 1 / TURNS_FOR_EDIT or not (fibers or begin)):
            self.edits_left -= 1
            self.people.act()
            return True
        if not fibers and not begin:
            return self._wait()
        self._pass(0.02)
        chosen = scheduler.chance.randrange(len(fibers) + len(begin))
        if chosen < len(fibers):
            scheduler.step(fibers[chosen])
        else:
            begin[chosen - len(fibers)]()
        return True

    def _switch_over(self) -> None:
        """Take the prison one way after a third of the edits, and perhaps back before the last third.

        Nothing is waited for: what is on its way then is put back or recorded.
        """
        world, edits = self.world, self.plan.edits
        made = edits - self.edits_left
        if not self.plan.switches:
            return
        if world.one_way_since is None and edits // 3 <= made < edits // 3 * 2:
            world.go_one_way(PRISON)
        if world.one_way_since is not None and self.plan.turns_back and made >= edits // 3 * 2:
            world.turn_back(PRISON)

    def _fall_asleep(self) -> None:
        """Have both workers of the walk take nothing for a while once half of the edits are made."""
        if self.plan.sleeps and not self.slept and self.edits_left <= self.plan.edits // 2:
            self.slept = True
            self.world.fall_asleep(SLEEP_SECONDS)

    def _beginnings(self) -> "list[Begin]":
        world = self.world
        found: list[Begin] = []
        for worker in world.workers:
            if world.is_awake(worker) and world.visible(worker.queue):
                found += [Begin(world.poll, worker, process) for process in worker.processes if process.free]
        if world.seams.outbox:
            found += [Begin(world.relay, p, outbox) for p, outbox in world.relays if p.free and outbox.waiting()]
        due = [row.due_at for row in world.due.rows.values() if row.parked is None]
        if world.seams.settle_check and world.checker.free and due and min(due) <= world.clock.now():
            found.append(Begin(world.check))
        return found

    def _wait(self) -> bool:
        """Jump to the next thing due."""
        world = self.world
        times = []
        if (shows := world.next_visible()) is not None:
            times.append(shows - world.scheduler.seconds)
        due = [row.due_at for row in world.due.rows.values() if row.parked is None]
        if world.seams.settle_check and due:
            times.append((min(due) - world.clock.now()).total_seconds())
        if not times:
            if not world.migration.over and world.sweeper.free:
                self._pass(31)
                world.sweep()
                return True
            return False
        self._pass(max(min(times), 0) + 0.01)
        return True

    def _pass(self, seconds: float) -> None:
        self.world.scheduler.seconds += seconds
        self.world.clock.seconds += seconds

    def _hurt(self) -> None:
        """Kill a process, delay a message, jump a clock, lose the broker."""
        world, scheduler = self.world, self.world.scheduler
        rates, chance = scheduler.rates, scheduler.chance
        if scheduler.strikes(rates.kill):
            scheduler.kill(chance.choice(scheduler.processes))
        if scheduler.strikes(rates.delay):
            for queue in (worker.queue for worker in world.workers):
                for stored in world.broker.queue(queue)._messages.values():
                    if stored.visible_at <= scheduler.seconds and chance.random() < 0.3:
                        stored.visible_at = scheduler.seconds + chance.randint(1, 40)
        if scheduler.strikes(rates.jump):
            jump = chance.choice((-7, 5, 70))
            scheduler.tell(f"the clocks jump by {jump} s")
            world.clock.seconds += jump
            scheduler.seconds += max(jump, 0)
        if self.losses_left and rates is not QUIET and scheduler.strikes(0.002):
            self.losses_left -= 1
            world.lose_broker()

    def _publish_after_commit(self) -> None:
        for _, outbox in self.world.relays:
            for row in outbox.waiting():
                row.published = True
                self.world.publish_at_once(row.parcel, outbox.topic)


class Begin:
    """Something a process can begin to do."""

    def __init__(self, act: object, *given: object) -> None:
        self._act = act
        self._given = given

    def __call__(self) -> None:
        assert callable(self._act)
        self._act(*self._given)


def furnish(world: World, plan: Plan) -> None:
    """Put a prison in: all of it linked and agreed on, or part of it still to be migrated."""
    chance = world.scheduler.chance
    ids: dict[str, NomisLocationId] = {}
    rows = [("A", None, "WING"), ("1", "A", "LAND"), ("2", "A", "TIER"), ("CL", "A", "CLAS")]
    rows += [(code, "1", "CELL") for code in ("001", "002", "003")] + [(code, "2", "CELL") for code in ("001", "002")]
    for number, (code, parent, kind) in enumerate(rows):
        above = world.nomis.rows[ids[parent]] if parent else None
        row = nomis_cell(
            location_code=code,
            location_type=kind,
            description=f"{above.description if above else PRISON}-{code}",
            parent_location_id=above.location_id if above else None,
            comment=f"begun {number}",
            list_sequence=1000 + number,
            unit_type=None if kind == "CLAS" else "NA",
            usages=(NomisUsage(internal_location_usage_type="OTH", capacity=4, sequence=1),) if kind == "CLAS" else (),
            profiles=nomis_cell().profiles if kind == "CELL" else (),
        )
        made = world.nomis.screen_insert(row)
        ids[code if kind != "CELL" else f"{parent}-{code}"] = made.location_id
        if not plan.migrates or (kind != "CELL" and chance.random() < 0.5 and (not parent or _is_linked(world, above))):
            _link(world, made.location_id)
    world.nomis.outbox.rows.clear()
    world.locations.outbox.rows.clear()
    world.locations.set_authority(plan.authority)
    if plan.migrates:
        world.migration.over = False
        call = Call(type=LIST, migration_id=world.migration.migration_id)
        world.broker.queue(MIGRATION).put(Parcel(call.model_dump_json(by_alias=True), {"eventType": LIST}))


def _is_linked(world: World, row: object) -> bool:
    return getattr(row, "location_id", None) in world.mappings.by_nomis


def _link(world: World, nomis_id: NomisLocationId) -> None:
    row = world.nomis.rows[nomis_id]
    above = world.mappings.by_nomis.get(row.parent_location_id) if row.parent_location_id is not None else None
    dps_id = dps_id_for(nomis_id)
    world.locations.begin(dps_id, row, above.dps_location_id if above else None)
    world.mappings._put(
        LocationMapping(dps_location_id=dps_id, nomis_location_id=nomis_id, mapping_type=MappingType.MIGRATED)
    )


def play(seed: int, seams: Seams = SOUND) -> Played:
    """Play a seed."""
    plan = Plan.of(seed)
    player = Player(seed, plan, seams)
    try:
        wrong = player.play()
    except Exception as crash:  # noqa: BLE001 - a bug that a seed found is shown with its trace, as any other fault
        wrong = [f"{type(crash).__name__}: {crash}"]
        player.world.scheduler.tell(wrong[0])
    return Played(seed, plan, wrong, player.world, player.people, player.mended)
