"""One run: an estate migrated, edited from both sides and hurt for a while; then quiet, then the judges."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import orjson
from pydantic import SecretStr

from infra.local.demo.desk import broker_at
from infra.local.ports import LOOPBACK, free_port
from infra.local.settings import ROOT, EstateSettings
from infra.local.supervisor import Estate
from libs.messaging.aws import Aws, connect
from libs.web.outgoing import ApiSession, OutgoingSettings, RemoteFailure, api_session
from services.nomis.estate.edits import ScreenEdits
from services.nomis.estate.estate import Estate as NomisEstate
from services.nomis.estate.load import load
from tests.chaos.edits import Journal, Screens, Staff, steadily
from tests.chaos.equality import Both, Difference, differences, read
from tests.chaos.faults import Faults
from tests.chaos.journal import Conflict, Lost, lost
from tests.chaos.wires import Wire, laid

PRISONS, LATER = ("LEI", "MDI"), "KMI"
WIRED = {"nomis": "API_BASE_URL_NOMIS", "locations": "API_BASE_URL_LOCATIONS", "mapping": "API_BASE_URL_MAPPING"}
WORKERS = ("to_nomis", "from_nomis", "migration")
CONFLICTS = "SELECT location_id, field, dps, nomis FROM conflict"
OUTBOXES = {
    "locations": "SELECT count(*) FROM outbox WHERE published_at IS NULL",
    "nomis": "SELECT count(*) FROM xtag_listener_tab WHERE state = 'ready'",
}


@dataclass(frozen=True)
class ChaosPlan:
    """How long, how often, how patient."""

    seconds: float
    seed: int
    today: date
    edits_per_second: float = 4
    pause_shortest: float = 1
    pause_longest: float = 5
    visibility_seconds: int = 15
    frozen_seconds: float = 20
    converge_seconds: float = 240


@dataclass
class Verdict:
    """What came of it; `ok` is what the exit code says."""

    seconds: float
    seed: int
    edits: dict[str, int]
    faults: dict[str, int]
    restarts: dict[str, int]
    lost: list[str]
    duplicated: list[str]
    diverged: list[str]
    dead_lettered: dict[str, int]
    conflicts: int
    locations: int
    migration: dict[str, int]
    converged_seconds: float | None
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, duplicated or left apart, and nothing ended with the dead letters."""
        wrong = self.lost or self.duplicated or self.diverged or any(self.dead_lettered.values())
        return not wrong and self.converged_seconds is not None

    def json(self) -> bytes:
        """Write it as the last line of the run."""
        return orjson.dumps({"ok": self.ok, **asdict(self)})


async def run(plan: ChaosPlan, directory: Path, say: Any) -> Verdict:
    """Run it all; `say` is told what goes on."""
    chance = Random(plan.seed)
    async with AsyncExitStack() as stack:
        estate, wires = await _estate(plan, directory, stack)
        site = await _site(estate, stack)
        await _loaded(site, plan.seed)
        say("estate up; migrating " + ", ".join(PRISONS))
        for prison in PRISONS:
            await _migrated(site, prison)
        journal = Journal()
        stop = asyncio.Event()
        faults = Faults(
            estate,
            [*WORKERS, *WIRED],
            wires,
            [site.nomis, site.locations, site.mapping],
            plan.frozen_seconds,
            Random(chance.random()),
        )
        staff = Staff(site.staff, site.locations, PRISONS, journal, Random(chance.random()), plan.today)
        screens = Screens(
            site.nomis,
            ScreenEdits(plan.seed, [*PRISONS, LATER], plan.today),
            journal,
        )
        say(f"{plan.seconds:g} s of edits and faults")
        async with asyncio.TaskGroup() as group:
            group.create_task(steadily(staff.edit, plan.edits_per_second, stop))
            group.create_task(steadily(screens.edit, plan.edits_per_second, stop))
            group.create_task(faults.go_on(stop, plan.pause_shortest, plan.pause_longest))
            later = group.create_task(_migrated_meanwhile(site, plan.seconds))
            await asyncio.sleep(plan.seconds)
            stop.set()
        say("quiet; waiting for both sides to be equal")
        for name in estate.names:
            await estate.wait_ready(name)
        migration = later.result() or await _migrated(site, LATER)
        converged = await _converged(site, plan.converge_seconds)
        return await _judged(plan, estate, site, journal, faults.done, migration, converged)


@dataclass(frozen=True)
class Site:
    """Ways into a running estate that bear its parts being killed."""

    dsns: dict[str, str]
    staff: ApiSession
    operator: ApiSession
    broker: Aws
    queues: tuple[str, ...]

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.dsns[name], timeout=10)
        try:
            yield connection
        finally:
            connection.terminate()

    def nomis(self) -> Any:
        """Connect to NOMIS's database."""
        return self._connected("nomis")

    def locations(self) -> Any:
        """Connect to the locations API's database."""
        return self._connected("locations")

    def mapping(self) -> Any:
        """Connect to the mapping service's database."""
        return self._connected("mapping")

    async def depths(self) -> dict[str, int]:
        """Count what is on each queue, dead letters too."""
        found = {}
        for name in self.queues:
            depth = await self.broker.queue(name).depth()
            found[name] = depth.visible + depth.in_flight + depth.delayed
        return found


async def _estate(plan: ChaosPlan, directory: Path, stack: AsyncExitStack) -> tuple[Estate, list[Wire]]:
    ports = {name: free_port() for name in WIRED}
    wires = {name: Wire(free_port(), port) for name, port in ports.items()}
    through = {setting: f"http://{LOOPBACK}:{wires[name].port}" for name, setting in WIRED.items()}
    settings = EstateSettings.on_free_ports(
        directory / "estate",
        messaging_file=_hastened(plan, directory),
        restart_first_seconds=0.1,
        restart_longest_seconds=2,
        service_env={
            **dict.fromkeys(WORKERS, through),
            "migration": {**through, "STAGES": '{"page": 20, "lease_seconds": 5}', "SWEEP_SECONDS": "1"},
        },
        **{f"{name}_port": port for name, port in ports.items()},
    )
    await stack.enter_async_context(laid(*wires.values()))
    estate = Estate(settings)
    stack.push_async_callback(estate.stop)
    await estate.start()
    return estate, list(wires.values())


def _hastened(plan: ChaosPlan, directory: Path) -> Path:
    """Shorten the queues' patience, so that minutes here stand for hours; all else is as it is deployed."""
    messaging = orjson.loads((ROOT / "infra" / "messaging.json").read_bytes())
    for queue in messaging["queues"].values():
        queue["visibilitySeconds"] = plan.visibility_seconds
        queue["backoffSeconds"] = [1, 2, 5, *[10] * 15]
        queue["maxReceiveCount"] = len(queue["backoffSeconds"]) + 2
    file = directory / "messaging.json"
    file.write_bytes(orjson.dumps(messaging))
    return file


async def _site(estate: Estate, stack: AsyncExitStack) -> Site:
    found = estate.endpoints

    async def session(service: str) -> ApiSession:
        return await stack.enter_async_context(
            api_session(
                OutgoingSettings(
                    base_url=found["services"][service]["url"],
                    token_url=found["signIn"]["tokenUrl"],
                    client_id="operator",
                    client_secret=SecretStr(found["signIn"]["clients"]["operator"]["secret"]),
                )
            )
        )

    broker = await stack.enter_async_context(connect(broker_at(found["broker"]["url"], estate.settings.aws_region)))
    queues = orjson.loads(estate.settings.messaging_file.read_bytes())["queues"]
    return Site(
        {name: database["dsn"] for name, database in found["databases"].items()},
        await session("locations"),
        await session("migration"),
        broker,
        tuple(name + end for name in queues if _is_read(estate, name) for end in ("", "-dlq")),
    )


def _is_read(estate: Estate, queue: str) -> bool:
    """Whether the service that reads this queue runs; a queue of one that is still to come only fills."""
    return queue.removesuffix("-locations").replace("-", "_") in estate.names


async def _loaded(site: Site, seed: int) -> None:
    async with site.nomis() as connection:
        await load(connection, NomisEstate(seed, "tiny", [*PRISONS, LATER]))


async def _migrated(site: Site, prison: str, seconds: float = 120) -> dict[str, int]:
    """Run a migration of one prison to its end, whoever is killed meanwhile."""
    until = time.monotonic() + seconds
    run_id: str | None = None
    while time.monotonic() < until:
        try:
            if run_id is None:
                answer = await site.operator.request(
                    "POST", "/migrate/locations", json={"prisonIds": [prison]}, ok=(202,)
                )
                run_id = answer.json()["migrationId"]
            found = (await site.operator.request("GET", f"/migrate/locations/history/{run_id}")).json()
        except RemoteFailure:
            await asyncio.sleep(0.5)
            continue
        if found["status"] in ("COMPLETED", "CANCELLED"):
            return _accounts(found)
        await asyncio.sleep(0.1)
    raise TimeoutError(f"the migration of {prison} did not end")


async def _migrated_meanwhile(site: Site, seconds: float) -> dict[str, int]:
    """A third into the run start a migration, cancel it, and start it again."""
    await asyncio.sleep(seconds / 3)
    for _ in range(20):
        try:
            answer = await site.operator.request("POST", "/migrate/locations", json={"prisonIds": [LATER]}, ok=(202,))
            path = f"/migrate/locations/{answer.json()['migrationId']}/cancel"
            await site.operator.request("POST", path, ok=(202,))
            break
        except RemoteFailure:
            await asyncio.sleep(0.5)
    return await _migrated(site, LATER, seconds)


def _accounts(found: dict[str, Any]) -> dict[str, int]:
    names = ("recordsListed", "recordsMigrated", "recordsSkipped", "recordsFailed")
    return {name: found[name] for name in names}


async def _converged(site: Site, seconds: float) -> float | None:
    """Wait until nothing is under way and both sides are equal; say how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if not await _under_way(site) and not differences(await read(site.dsns)):
            return round(time.monotonic() - began, 1)
        await asyncio.sleep(1)
    return None


async def _under_way(site: Site) -> bool:
    depths = await site.depths()
    if any(depth for name, depth in depths.items() if not name.endswith("-dlq")):
        return True
    for name, sql in OUTBOXES.items():
        async with site._connected(name) as connection:
            if await connection.fetchval(sql):
                return True
    return False


async def _judged(
    plan: ChaosPlan,
    estate: Estate,
    site: Site,
    journal: Journal,
    faults: Counter[str],
    migration: dict[str, int],
    converged: float | None,
) -> Verdict:
    both = await read(site.dsns)
    apart: list[Difference] = differences(both)
    async with site.locations() as connection:
        rows = await connection.fetch(CONFLICTS)
    conflicts = [
        Conflict(str(row["location_id"]), row["field"], _value(row["dps"]), _value(row["nomis"])) for row in rows
    ]
    missing: list[Lost] = lost(journal.entries, both, conflicts)
    depths = await site.depths()
    return Verdict(
        plan.seconds,
        plan.seed,
        dict(sorted(journal.made.items())),
        dict(sorted(faults.items())),
        {name: count for name in estate.names if (count := estate.restarts(name))},
        [str(one) for one in missing] + await _lost_profiles(site, journal, both, conflicts),
        _duplicated(both),
        [str(one) for one in apart],
        {name: depth for name, depth in depths.items() if name.endswith("-dlq") and depth},
        len(conflicts),
        len(both.dps),
        migration,
        converged,
    )


def _value(raw: Any) -> Any:
    return orjson.loads(raw) if isinstance(raw, str) else raw


def _duplicated(both: Both) -> list[str]:
    """Name places that two rows of one side claim: same parent, same code."""
    found = []
    for side, rows in (("NOMIS", both.nomis.values()), ("DPS", both.dps.values())):
        places = Counter((row["prison"], row["parent"], row["code"]) for row in rows)
        found += [f"{side} {place}: {count} rows" for place, count in places.items() if count > 1]
    return found


async def _lost_profiles(site: Site, journal: Journal, both: Both, conflicts: Sequence[Conflict]) -> list[str]:
    """Name profile rows that screens added and are gone, or removed and are back, with no conflict on record."""
    recorded = {conflict.dps_id for conflict in conflicts if conflict.field == "attributes"}
    async with site.nomis() as connection:
        rows = await connection.fetch(
            "SELECT internal_location_id, int_loc_profile_type, int_loc_profile_code FROM agy_int_loc_profiles"
        )
    there = {tuple(row) for row in rows}
    return [
        f"NOMIS {profile} {'is gone' if wanted else 'is back'}"
        for profile, wanted in journal.profiles.items()
        if profile[0] in both.nomis and (profile in there) != wanted and both.dps_of.get(profile[0]) not in recorded
    ]
