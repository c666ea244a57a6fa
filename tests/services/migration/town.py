"""Every service that a migration meets, in this process, on real databases and a real broker."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from infra.local import prisoner_search
from infra.local.ports import free_port
from infra.local.settings import ROOT
from infra.local.topology import set_up
from libs.clients.mapping import MappingClient
from libs.clients.nomis import NomisClient
from libs.domain.nomis import NomisLocationId
from libs.domain.shared import SYNCED, kind_in_dps, project_dps, project_nomis
from libs.domain.sync import LocationMirror
from libs.telemetry import spans
from libs.telemetry.spans import Span
from libs.web.auth import AuthSettings
from libs.web.outgoing import OutgoingSettings, api_session
from services.from_nomis import app as from_nomis
from services.from_nomis.settings import Settings as FromNomis
from services.locations import app as locations
from services.locations.settings import Settings as Locations
from services.mapping import app as mapping
from services.mapping.settings import Settings as Mapping
from services.migration import app as migration
from services.migration.settings import Settings as Migration
from services.migration.settings import StageLimits
from services.nomis import app as nomis
from services.nomis.settings import RelaySettings
from services.nomis.settings import Settings as Nomis
from services.to_nomis import app as to_nomis
from services.to_nomis.settings import Settings as ToNomis
from tests.conftest import NOBODY, Auth, BrokerAddress, Databases, MakeToken
from tests.services.nomis.prison import Prison

Client = TestClient[web.Request, web.Application]
SPANS_KEPT = 5000
MESSAGING = ROOT / "infra" / "messaging.json"
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05
OPERATOR = frozenset({"ROLE_MIGRATE_LOCATIONS", "ROLE_MIGRATION_ADMIN", "ROLE_QUEUE_ADMIN"})
STAFF = frozenset({"ROLE_VIEW_LOCATIONS", "ROLE_MAINTAIN_LOCATIONS", "ROLE_SYNC_LOCATIONS"})


@dataclass
class Worker:
    """A service that a test may stop and start."""

    build: Callable[[], Any]
    stack: AsyncExitStack | None = None

    async def start(self) -> None:
        self.stack = AsyncExitStack()
        built = await self.stack.enter_async_context(self.build())
        await self.stack.enter_async_context(TestServer(built))

    async def stop(self) -> None:
        if self.stack is not None:
            await self.stack.aclose()
            self.stack = None


@dataclass(frozen=True)
class Town:
    """What a test reaches: the migration as an operator, DPS as staff, NOMIS by SQL, and the workers."""

    operator: Client
    staff: Client
    locations_url: str
    nomis: NomisClient
    mappings: MappingClient
    screens: Prison
    history: "asyncpg.Connection[asyncpg.Record]"
    broker: BrokerAddress
    # What a second process of the migration is told: the same database, the same queue.
    pod: dict[str, str]
    from_nomis: Worker
    to_nomis: Worker
    # What the services did lately, each in its trace.
    spans: "deque[Span]"

    async def prison(self, prison_id: str, landings: int = 2, cells: int = 3) -> list[NomisLocationId]:
        """Build a wing with landings and cells, silently as the generator does; return the ids, the wing's first."""
        async with self.screens.screen("MERGE"):
            await self.screens.connection.execute(
                "INSERT INTO agency_locations (agy_loc_id, description, agency_location_type) VALUES ($1, $1, 'INST')",
                prison_id,
            )
            rows = await self.screens.connection.fetch(_PRISON, prison_id, landings, cells)
        return [NomisLocationId(row[0]) for row in rows]

    async def run(self, path: str = "/migrate/locations", **body: Any) -> dict[str, Any]:
        """Start a run and wait for its end."""
        return await self.ended(await self.started(path, **body))

    async def started(self, path: str = "/migrate/locations", **body: Any) -> str:
        async with self.operator.post(path, json=body) as answer:
            told = await answer.json()
            assert answer.status == 202, told
            return str(told["migrationId"])

    async def ended(self, migration_id: str) -> dict[str, Any]:
        async def over() -> dict[str, Any] | None:
            run = await self.get(f"/migrate/locations/history/{migration_id}")
            return run if run["status"] in {"COMPLETED", "CANCELLED"} else None

        run: dict[str, Any] = await seen(over, "the end of the run")
        return run

    async def get(self, path: str) -> Any:
        async with self.operator.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def mirror(self, nomis_id: NomisLocationId) -> LocationMirror | None:
        """Read the DPS side of a NOMIS row, once it is linked."""
        link = (await self.mappings.for_nomis([nomis_id])).get(nomis_id)
        if link is None:
            return None
        async with self.staff.get(f"/sync/locations/{link.dps_location_id}") as answer:
            return LocationMirror.model_validate(await answer.json()) if answer.status == 200 else None

    async def differences(self, prison_id: str) -> list[str]:
        """Compare a prison on both sides through both APIs."""
        ids = await self.screens.column(
            "SELECT internal_location_id FROM agency_internal_locations WHERE agy_loc_id = $1 ORDER BY 1", prison_id
        )
        found = []
        for row in await self.nomis.details([NomisLocationId(each) for each in ids]):
            mirror = await self.mirror(row.location_id)
            if mirror is None:
                found.append(f"{row.description}: only in NOMIS")
                continue
            above = await self.mirror(row.parent_location_id) if row.parent_location_id else None
            mine, theirs = project_dps(mirror.location), project_nomis(row, str(above.location.id) if above else None)
            kind = kind_in_dps(mirror.location)
            found += [
                f"{row.description} {field}: {mine[field]!r}, NOMIS {theirs[field]!r}"
                for field in sorted(SYNCED[kind])
                if mine[field] != theirs[field]
            ]
        async with self.staff.get("/sync/locations", params={"prisonId": prison_id, "size": 1000}) as answer:
            in_dps = {UUID(each["location"]["id"]) for each in (await answer.json())["content"]}
        if len(in_dps) != len(ids):
            found.append(f"{len(in_dps)} in DPS, {len(ids)} in NOMIS")
        return found

    async def equal(self, prison_id: str) -> None:
        """Wait until both sides hold the same."""

        async def same() -> bool:
            return not await self.differences(prison_id)

        try:
            await seen(same, f"{prison_id} equal on both sides")
        except AssertionError:
            assert await self.differences(prison_id) == []


async def seen(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Look until there is something to see."""
    for _ in range(round(WAIT_SECONDS / LOOK_SECONDS)):
        if found := await look():
            return found
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError(f"{what}: not within {WAIT_SECONDS:g} s")


_PRISON = """
WITH wing AS (
    INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type, description,
        capacity, operation_capacity, cna_no, certified_flag, unit_type, list_seq)
    VALUES ($1::text, 'A', 'WING', $1 || '-A', 9, 9, 9, 'Y', 'NA', 1) RETURNING internal_location_id AS id),
landing AS (
    INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type, description,
        parent_internal_location_id, capacity, operation_capacity, cna_no, certified_flag, unit_type, list_seq)
    SELECT $1, n::text, 'LAND', $1 || '-A-' || n, wing.id, 9, 9, 9, 'Y', 'NA', n
      FROM wing, generate_series(1, $2::integer) n
    RETURNING internal_location_id AS id, description),
cell AS (
    INSERT INTO agency_internal_locations (agy_loc_id, internal_location_code, internal_location_type, description,
        parent_internal_location_id, capacity, operation_capacity, cna_no, certified_flag, unit_type, list_seq)
    SELECT $1, '00' || n, 'CELL', landing.description || '-00' || n, landing.id, 2, 1, 1, 'Y', 'NA', n
      FROM landing, generate_series(1, $3::integer) n
    RETURNING internal_location_id AS id)
SELECT id, 0 AS level FROM wing UNION ALL SELECT id, 1 FROM landing UNION ALL SELECT id, 2 FROM cell ORDER BY 2, 1
"""


def _environment(settings: Migration, dsn: str, secret: str) -> dict[str, str]:
    told = settings.model_dump(mode="json", exclude_none=True) | {"database_url": dsn, "client_secret": secret}
    written = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in told.items()}
    return {name.upper(): value for name, value in written.items()}


@asynccontextmanager
async def _opened(built: web.Application) -> AsyncIterator[web.Application]:
    yield built


@asynccontextmanager
async def town(databases: Databases, broker: BrokerAddress, auth: Auth, token: MakeToken) -> AsyncIterator[Town]:
    """Open every service; the AWS keys are in the environment already."""
    await set_up(broker.endpoint_url, broker.region, MESSAGING)
    told: deque[Span] = deque(maxlen=SPANS_KEPT)
    spans.send_to(told.append)
    async with AsyncExitStack() as stack:
        signed: dict[str, Any] = {"api_base_url_oauth": auth.url, "oauth_issuer": auth.issuer}
        aws: dict[str, Any] = {"aws_endpoint_url": broker.endpoint_url, "aws_region": broker.region}

        async def served(built: Any, roles: frozenset[str] = frozenset()) -> tuple[Client, str]:
            app = await stack.enter_async_context(built)
            headers = {"Authorization": f"Bearer {token(roles, username='BOSS')}"}
            client = await stack.enter_async_context(TestClient(TestServer(app), headers=headers))
            return client, str(client.make_url("")).rstrip("/")

        async def sql(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
            connection = await asyncpg.connect(dsn)
            stack.push_async_callback(connection.close)
            return connection

        verified = AuthSettings(jwks_url=auth.jwks_url, issuer=auth.issuer)
        _, search_url = await served(_opened(prisoner_search.application(verified)))
        dsn = {
            "nomis": await databases.create("services/nomis/schema"),
            "mapping": await databases.create("services/mapping/schema"),
            "locations": await databases.create("libs/messaging/schema", "services/locations/schema"),
            "migration": await databases.create("libs/messaging/schema", "services/migration/schema"),
        }
        relay = RelaySettings(poll_seconds=0.05)
        _, nomis_url = await served(
            nomis.build(Nomis(database_url=SecretStr(dsn["nomis"]), relay=relay, **signed, **aws))
        )
        _, mapping_url = await served(mapping.build(Mapping(database_url=SecretStr(dsn["mapping"]), **signed)))
        neighbours = {
            # Whoever else it may speak to has nothing to do with migration and is not there.
            **{name: NOBODY for name in Locations.model_fields if name.startswith("api_base_url_")},
            "api_base_url_prisoner_search": search_url,
        }
        credentials = {"client_id": "locations", "client_secret": auth.secrets["locations"]}
        dps = Locations.model_validate({"database_url": dsn["locations"], **neighbours, **credentials, **signed, **aws})
        staff, locations_url = await served(locations.build(dps), STAFF)
        urls = {
            "api_base_url_nomis": nomis_url,
            "api_base_url_mapping": mapping_url,
            "api_base_url_locations": locations_url,
        }

        def worker(client: str, **more: Any) -> dict[str, Any]:
            name = {"client_id": client, "client_secret": SecretStr(auth.secrets[client]), "http_port": free_port()}
            polls = {
                "queue_wait_seconds": 0,
                "queue_idle_pause_seconds": 0.05,
                "messaging_file": MESSAGING,
                "allow_purge": True,
            }
            return {**signed, **aws, **urls, **name, **polls, **more}

        stages = StageLimits(ids_page=50, page=5, lease_seconds=5, settle_seconds=0.5)
        settings = Migration(
            **worker("migration", database_url=dsn["migration"], stages=stages, sweep_seconds=0.5),
            progress_seconds=0.05,
        )
        operator, _ = await served(migration.build(settings), OPERATOR)
        conditional = {"nomis_conditional_writes": True}
        from_it = FromNomis(**worker("from-nomis", **conditional))
        to_it = ToNomis(**worker("to-nomis", **conditional))

        async def session(base_url: str) -> Any:
            outgoing = OutgoingSettings(
                base_url=base_url,
                token_url=auth.token_url,
                client_id="from-nomis",
                client_secret=SecretStr(auth.secrets["from-nomis"]),
            )
            return await stack.enter_async_context(api_session(outgoing))

        opened = Town(
            operator,
            staff,
            locations_url,
            NomisClient(await session(nomis_url)),
            MappingClient(await session(mapping_url)),
            Prison(await sql(dsn["nomis"])),
            await sql(dsn["migration"]),
            broker,
            _environment(settings, dsn["migration"], auth.secrets["migration"]),
            Worker(lambda: from_nomis.build(from_it)),
            Worker(lambda: to_nomis.build(to_it)),
            told,
        )
        stack.push_async_callback(opened.from_nomis.stop)
        stack.push_async_callback(opened.to_nomis.stop)
        yield opened
