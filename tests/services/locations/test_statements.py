"""How many statements a writing request costs: a bound for each, and the same in a small prison and in a large one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from libs.db.pool import Database, DatabaseSettings, connect
from services.locations import app
from services.locations.settings import Settings
from tests.conftest import MakeToken
from tests.contracts.locations import migrated
from tests.libs.domain.rows import nomis_cell
from tests.services.locations.conftest import TABLES, Client
from tests.services.locations.prison import at, large, put

PRISON = "LGI"
SMALL, LARGE = (2, 1, 2), (2, 3, 24)
CLOSING = {"deactivationReason": "DAMP"}


class Counter:
    """Counts statements while it is asked to; what opens and ends transactions and savepoints counts too."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._on = False

    def __call__(self, query: Any) -> None:
        # What the driver asks about types it meets for the first time is asked once in a connection's life.
        if self._on and "typeinfo_tree" not in query.query and "set_config" not in query.query:
            self.told.append(" ".join(query.query.split())[:80])

    @contextmanager
    def counting(self) -> Iterator[None]:
        self.told.clear()
        self._on = True
        yield
        self._on = False


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter()


@pytest.fixture(scope="module")
async def counted(locations_settings: Settings, token: MakeToken, counter: Counter) -> AsyncIterator[Client]:
    """The service with one connection, whose statements are counted."""

    @asynccontextmanager
    async def one_watched(settings: DatabaseSettings) -> AsyncIterator[Database]:
        async with connect(settings) as database:
            async with database.connection() as connection:
                connection.add_query_logger(counter)
            yield database

    roles = {f"ROLE_{name}_LOCATIONS" for name in ("MAINTAIN", "SYNC", "MIGRATE", "VIEW")}
    headers = {"Authorization": f"Bearer {token(roles, username='BOSS')}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "connect", one_watched)
        settings = locations_settings.model_copy(update={"database_pool_max": 1})
        async with app.build(settings) as built, TestClient(TestServer(built), headers=headers) as client:
            yield client


def wing(number: int, shape: tuple[int, int, int]) -> Any:
    _, landings, cells = shape
    return at(PRISON, number * (1 + landings * (1 + cells)))


def all_cells(shape: tuple[int, int, int]) -> list[Any]:
    return [each for each in large(PRISON, *shape) if each.is_cell]


def snapshot(shape: tuple[int, int, int], **changed: Any) -> dict[str, Any]:
    plain = {"prisonId": PRISON, "code": "W0", "locationType": "WING", "lastUpdatedBy": "X"}
    housing = {"residentialHousingType": "NORMAL_ACCOMMODATION", "id": str(wing(0, shape))}
    return plain | housing | changed


def page(shape: tuple[int, int, int]) -> dict[str, Any]:
    rows = [
        nomis_cell(location_id=n, location_code=str(n), parent_location_id=None) for n in range(shape[1] * shape[2])
    ]
    return {"locations": [migrated(row) for row in rows]}


def requests(shape: tuple[int, int, int]) -> dict[str, tuple[int, str, str, Any]]:
    """Return, by name, the bound and the request, on the first wing of a prison of this shape."""
    first, second = wing(0, shape), wing(1, shape)
    landing, cell = at(PRISON, 1), at(PRISON, 2)
    cells = all_cells(shape)
    one, bulk = f"/locations/{first}", "/locations/bulk"
    sizes = {each.key: {"maxCapacity": 3, "workingCapacity": 3, "capacityOfCertifiedCell": 3} for each in cells}
    new = {"prisonId": PRISON, "code": "X", "parentId": str(landing), "locationType": "CELL"}
    held = {"maxCapacity": 1, "workingCapacity": 1}
    cell_for_one: dict[str, Any] = new | {"accommodationType": "NORMAL_ACCOMMODATION", "capacity": held}
    office = {"convertedCellType": "OFFICE"}
    a_wing = {"prisonId": PRISON, "wingCode": "N", "numberOfLandings": shape[1], "numberOfCellsPerSection": shape[2]}
    return {
        "create": (12, "POST", "/locations/residential", cell_for_one),
        "create wing": (12, "POST", "/locations/create-wing", a_wing),
        "capacity": (11, "PUT", f"/locations/{cell}/capacity", {"maxCapacity": 3, "workingCapacity": 3}),
        "specialist types": (10, "PUT", f"/locations/{cell}/specialist-cell-types", ["DRY"]),
        "used for, a wing": (11, "PUT", f"{one}/used-for-type", ["REMAND"]),
        "local name": (10, "PUT", f"{one}/change-local-name", {"localName": "North"}),
        "rename a wing": (16, "PATCH", f"/locations/residential/{first}", {"code": "Z"}),
        "move a landing": (17, "PATCH", f"/locations/residential/{landing}", {"parentId": str(second), "code": "9"}),
        "close a wing": (11, "PUT", f"{one}/deactivate/temporary", CLOSING),
        "close for good": (11, "PUT", f"{one}/deactivate/permanent", {"reason": "x"}),
        "convert a cell": (11, "PUT", f"/locations/{cell}/convert-cell-to-non-res-cell", office),
        "close many": (
            11,
            "PUT",
            f"{bulk}/deactivate/temporary",
            {"locations": {str(each.id): CLOSING for each in cells}},
        ),
        "size many": (13, "PUT", f"{bulk}/capacity-update", {"locations": sizes}),
        "snapshot that closes": (12, "POST", "/sync/upsert", snapshot(shape, deactivationReason="DAMAGED")),
        "snapshot that renames": (17, "POST", "/sync/upsert", snapshot(shape, code="Z")),
        "sync write": (
            18,
            "PUT",
            f"/sync/locations/{first}",
            {"lastUpdatedBy": "X", "fields": {"code": "Z", "comments": "new"}},
        ),
        "migrate a page": (10, "POST", "/migrate/locations/batch", page(shape)),
    }


async def fill(store: "asyncpg.Connection[asyncpg.Record]", shape: tuple[int, int, int]) -> None:
    await store.execute(f"TRUNCATE {TABLES} CASCADE")
    await put(store, large(PRISON, *shape))


async def cost(client: Client, counter: Counter, request: tuple[int, str, str, Any]) -> list[str]:
    _, method, path, body = request
    with counter.counting():
        async with client.request(method, path, json=body) as answer:
            assert answer.status in {200, 201}, await answer.text()
    return [*counter.told]


@pytest.mark.parametrize("name", requests(SMALL))
async def test_a_write_costs_what_it_may_whatever_the_size_of_the_prison(
    counted: Client, counter: Counter, store: "asyncpg.Connection[asyncpg.Record]", name: str
) -> None:
    costs = []
    for shape in (SMALL, LARGE):
        await fill(store, shape)
        costs.append(await cost(counted, counter, requests(shape)[name]))
    bound = requests(SMALL)[name][0]
    assert len(costs[0]) == len(costs[1]), costs
    assert len(costs[0]) <= bound, costs[0]


async def test_opening_a_wing_costs_as_much_whatever_its_size(
    counted: Client, counter: Counter, store: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    costs = []
    for shape in (SMALL, LARGE):
        await fill(store, shape)
        first = wing(0, shape)
        await cost(counted, counter, (0, "PUT", f"/locations/{first}/deactivate/temporary", CLOSING))
        details = CLOSING | {"planetFmReference": "P1"}
        told = await cost(counted, counter, (0, "PUT", f"/locations/{first}/update/temporary-deactivation", details))
        opened = {"locations": {str(first): {"cascadeReactivation": True}}}
        costs.append((len(told), len(await cost(counted, counter, (0, "PUT", "/locations/bulk/reactivate", opened)))))
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 14, costs
