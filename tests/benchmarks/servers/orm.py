"""The same operations the usual way: FastAPI, its token dependency, pydantic answers, SQLAlchemy 2 with async sessions.

Written as those projects' documentation has it: mapped classes with relationships, `selectinload`, one session for each
request, a `response_model` for each answer, the token decoded by PyJWT in a dependency. Closing a wing does what ours
does: asks prisoner search about its cells; writes history, events and acts for the audit beside the change, under a
version counter; answers every location that was closed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import aiohttp
import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, SecretStr
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings
from sqlalchemy import ARRAY, JSON, BigInteger, ForeignKey, Identity, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

ROLE = "ROLE_VIEW_LOCATIONS"


class Settings(BaseSettings):
    """Read once, at start."""

    database_url: SecretStr
    jwks_url: str
    http_port: int
    api_base_url_oauth: str
    api_base_url_prisoner_search: str
    client_id: str
    client_secret: SecretStr


class Base(DeclarativeBase):
    """What every table is mapped from."""


class Location(Base):
    """A location, its parent and its children."""

    __tablename__ = "location"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    prison_id: Mapped[str]
    path_hierarchy: Mapped[str]
    code: Mapped[str]
    location_type: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("location.id"))
    local_name: Mapped[str | None]
    comments: Mapped[str | None]
    order_within_parent_location: Mapped[int | None]
    residential_housing_type: Mapped[str | None]
    accommodation_type: Mapped[str | None]
    max_capacity: Mapped[int | None]
    working_capacity: Mapped[int | None]
    certified: Mapped[bool | None]
    capacity_of_certified_cell: Mapped[int | None]
    attributes: Mapped[list[str]] = mapped_column(ARRAY(String))
    used_for: Mapped[list[str]] = mapped_column(ARRAY(String))
    specialist_cell_types: Mapped[list[str]] = mapped_column(ARRAY(String))
    usages: Mapped[list[Any]] = mapped_column(JSON)
    active: Mapped[bool]
    archived: Mapped[bool]
    deactivated_date: Mapped[datetime | None]
    deactivated_reason: Mapped[str | None]
    deactivated_by: Mapped[str | None]
    when_created: Mapped[datetime]
    when_updated: Mapped[datetime]
    updated_by: Mapped[str]
    version: Mapped[int] = mapped_column(nullable=False)

    # Of two who edit at once the later one fails; ours says 412.
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    parent: Mapped["Location | None"] = relationship(remote_side="Location.id", back_populates="children")
    children: Mapped[list["Location"]] = relationship(back_populates="parent")


class History(Base):
    """One field of one location that changed."""

    __tablename__ = "location_history"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    location_id: Mapped[UUID] = mapped_column(ForeignKey("location.id"))
    attribute_name: Mapped[str]
    old_value: Mapped[str | None]
    new_value: Mapped[str | None]
    amended_by: Mapped[str]
    amended_date: Mapped[datetime]


class OutboxRow(Base):
    """An event that commits with its change."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    topic: Mapped[str]
    key: Mapped[str]
    event_type: Mapped[str]
    body: Mapped[str]


class Wire(BaseModel):
    """CamelCase, read from objects."""

    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)


class Capacity(Wire):
    """What the cells at and below hold."""

    max_capacity: int
    working_capacity: int


class Certification(Wire):
    """What the cells at and below are certified for."""

    certified: bool
    capacity_of_certified_cell: int


class LocationOut(Wire):
    """A location as it is shown."""

    id: UUID
    prison_id: str
    code: str
    path_hierarchy: str
    key: str
    location_type: str
    local_name: str | None
    comments: str | None
    order_within_parent_location: int | None
    accommodation_types: list[str]
    used_for: list[str]
    specialist_cell_types: list[str]
    attributes: list[str]
    capacity: Capacity
    certification: Certification
    active: bool
    permanently_inactive: bool
    deactivated_date: datetime | None
    deactivated_reason: str | None
    parent_id: UUID | None
    top_level_id: UUID
    level: int
    leaf_level: bool
    last_modified_by: str
    last_modified_date: datetime
    child_locations: list["LocationOut"] | None = None


class Stands(Wire):
    """A location's own state, as auditors are told it."""

    id: UUID
    prison_id: str
    code: str
    path_hierarchy: str
    location_type: str
    parent_id: UUID | None
    local_name: str | None
    residential_housing_type: str | None
    max_capacity: int | None
    working_capacity: int | None
    certified: bool | None
    capacity_of_certified_cell: int | None
    attributes: list[str]
    active: bool
    archived: bool
    deactivated_date: datetime | None
    deactivated_reason: str | None


class Act(Wire):
    """Who did what, as auditors are told it."""

    what: str = "LOCATION_DEACTIVATED"
    when: datetime
    who: str = "BENCH"
    service: str = "locations"
    subject_id: UUID
    subject_type: str = "LOCATION_ID"
    details: str


settings = Settings()
engine = create_async_engine(
    settings.database_url.get_secret_value()
    .replace("postgresql://", "postgresql+asyncpg://")
    .replace("sslmode=", "ssl="),
    pool_size=20,
    max_overflow=0,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
keys = jwt.PyJWKClient(settings.jwks_url)
security = HTTPBearer()


class PrisonerSearch:
    """Asks who is in which cell, under a token of our own that is fetched once."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client
        self._token: str | None = None

    async def count(self, prison_id: str, paths: list[str]) -> int:
        """Count who is in these cells."""
        if self._token is None:
            secret = settings.client_secret.get_secret_value()
            async with self._client.post(
                f"{settings.api_base_url_oauth}/oauth/token",
                data={"grant_type": "client_credentials"},
                headers={"Authorization": aiohttp.encode_basic_auth(settings.client_id, secret)},
            ) as answer:
                self._token = (await answer.json())["access_token"]
        matchers = [
            {"type": "String", "attribute": "prisonId", "condition": "IS", "searchTerm": prison_id},
            {"type": "String", "attribute": "cellLocation", "condition": "IN", "searchTerm": ",".join(paths)},
        ]
        async with self._client.post(
            f"{settings.api_base_url_prisoner_search}/attribute-search?size=3000",
            json={"joinType": "AND", "queries": [{"joinType": "AND", "matchers": matchers}]},
            headers={"Authorization": f"Bearer {self._token}"},
        ) as answer:
            answer.raise_for_status()
            return len((await answer.json())["content"])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open a client for the service that is asked; close it and the pool at the end."""
    async with aiohttp.ClientSession() as client:
        app.state.search = PrisonerSearch(client)
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    """Open a session for one request."""
    async with sessions() as opened:
        yield opened


async def viewer(credentials: Annotated[HTTPAuthorizationCredentials, Depends(security)]) -> dict[str, Any]:
    """Check the token and the role."""
    try:
        key = keys.get_signing_key_from_jwt(credentials.credentials)
        claims: dict[str, Any] = jwt.decode(credentials.credentials, key, algorithms=["RS256"])
    except jwt.PyJWTError as refused:
        raise HTTPException(401) from refused
    if ROLE not in claims.get("authorities", ()):
        raise HTTPException(403)
    return claims


def prisoner_search(request: Request) -> PrisonerSearch:
    """Hand over the client."""
    found: PrisonerSearch = request.app.state.search
    return found


Db = Annotated[AsyncSession, Depends(session)]
Search = Annotated[PrisonerSearch, Depends(prisoner_search)]
Viewer = Annotated[dict[str, Any], Depends(viewer)]
WHOLE = (
    selectinload(Location.parent, recursion_depth=-1),
    selectinload(Location.children, recursion_depth=-1),
)


@app.get("/locations/{location_id}")
async def by_id(location_id: UUID, db: Db, _: Viewer) -> LocationOut:
    """Show a location."""
    found = await db.scalar(select(Location).where(Location.id == location_id).options(*WHOLE))
    return _shown(found)


@app.get("/locations/key/{key}")
async def by_key(key: str, db: Db, _: Viewer) -> LocationOut:
    """Show a location by its key."""
    prison_id, _dash, path = key.partition("-")
    chosen = select(Location).where(Location.prison_id == prison_id, Location.path_hierarchy == path)
    return _shown(await db.scalar(chosen.options(*WHOLE)))


@app.get("/locations/prison/{prison_id}/tree")
async def tree(prison_id: str, db: Db, _: Viewer) -> list[LocationOut]:
    """Show a prison's hierarchy."""
    chosen = select(Location).where(Location.prison_id == prison_id, Location.parent_id.is_(None))
    roots = await db.scalars(chosen.options(selectinload(Location.children, recursion_depth=-1)))
    return [_nested(root, root, 1) for root in roots]


class Closing(Wire):
    """Why it is out of use."""

    deactivation_reason: str


@app.put("/locations/{location_id}/deactivate/temporary")
async def deactivate(location_id: UUID, closing: Closing, db: Db, search: Search, _: Viewer) -> list[LocationOut]:
    """Take a location and all below it out of use, unless people live there."""
    found = await db.scalar(select(Location).where(Location.id == location_id).options(*WHOLE))
    if found is None:
        raise HTTPException(404)
    if await search.count(found.prison_id, [cell.path_hierarchy for cell in _cells(found)]):
        raise HTTPException(409)
    now = datetime.now()  # noqa: DTZ005, TID251 - as it is usually written
    closed, waiting = [], [found]
    while waiting:
        each = waiting.pop()
        waiting += each.children
        if not each.active:
            continue
        closed.append(each)
        each.active, each.deactivated_reason, each.deactivated_by = False, closing.deactivation_reason, "BENCH"
        each.deactivated_date = each.when_updated = now
        for name, old, new in (("ACTIVE", "true", "false"), ("DEACTIVATION_REASON", None, closing.deactivation_reason)):
            db.add(
                History(
                    location_id=each.id,
                    attribute_name=name,
                    old_value=old,
                    new_value=new,
                    amended_by="BENCH",
                    amended_date=now,
                )
            )
        kind = "location.inside.prison.deactivated"
        body = f'{{"eventType":"{kind}","additionalInformation":{{"id":"{each.id}"}}}}'
        db.add(OutboxRow(event_id=uuid4(), topic="domain-events", key=str(each.id), event_type=kind, body=body))
        act = Act(when=now, subject_id=each.id, details=Stands.model_validate(each).model_dump_json(by_alias=True))
        told = act.model_dump_json(by_alias=True)
        db.add(OutboxRow(event_id=uuid4(), topic="audit", key=str(each.id), event_type="hmpps-audit-event", body=told))
    await db.commit()
    return [_shown(each) for each in closed]


def _shown(found: Location | None) -> LocationOut:
    if found is None:
        raise HTTPException(404)
    line = [found]
    while line[-1].parent is not None:
        line.append(line[-1].parent)
    return _out(found, line[-1], len(line), active=all(each.active for each in line))


def _nested(found: Location, top: Location, level: int, *, active: bool = True) -> LocationOut:
    out = _out(found, top, level, active=active and found.active)
    children = [_nested(child, top, level + 1, active=out.active) for child in found.children]
    return out.model_copy(update={"child_locations": children})


def _cells(found: Location) -> list[Location]:
    if found.location_type == "CELL":
        return [found]
    return [cell for child in found.children for cell in _cells(child)]


def _out(found: Location, top: Location, level: int, *, active: bool) -> LocationOut:
    cells = _cells(found)
    return LocationOut(
        **{name: getattr(found, name) for name in SAME},
        key=f"{found.prison_id}-{found.path_hierarchy}",
        accommodation_types=sorted({cell.accommodation_type for cell in cells if cell.accommodation_type}),
        used_for=sorted({use for cell in cells for use in cell.used_for}),
        specialist_cell_types=sorted({kind for cell in cells for kind in cell.specialist_cell_types}),
        attributes=sorted({each for cell in cells for each in cell.attributes}),
        capacity=Capacity(
            max_capacity=sum(cell.max_capacity or 0 for cell in cells),
            working_capacity=sum(cell.working_capacity or 0 for cell in cells if active and cell.active),
        ),
        certification=Certification(
            certified=any(cell.certified for cell in cells),
            capacity_of_certified_cell=sum(cell.capacity_of_certified_cell or 0 for cell in cells),
        ),
        active=active,
        permanently_inactive=found.archived,
        top_level_id=top.id,
        level=level,
        leaf_level=not found.children,
        last_modified_by=found.updated_by,
        last_modified_date=found.when_updated,
    )


SAME = (
    "id",
    "prison_id",
    "code",
    "path_hierarchy",
    "location_type",
    "local_name",
    "comments",
    "order_within_parent_location",
    "deactivated_date",
    "deactivated_reason",
    "parent_id",
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=settings.http_port, log_level="warning", access_log=False)
