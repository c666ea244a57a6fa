"""The stages of a run: start, list, migrate page by page in waves, end. Rows hold the intent; messages only wake.

A crash anywhere repeats a page and changes nothing: creating again answers `exists`, linking again is done, marking
again finds nothing pending. A run is over when no item is pending: counted, never guessed from the queue.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Annotated

import structlog
from pydantic import Field

from libs.domain.mapping import LocationMapping
from libs.domain.nomis import ListedLocation, NomisLocationId
from libs.domain.reading import Unreadable, read
from libs.domain.wire import Wire
from libs.messaging.message import Message
from libs.messaging.outcome import Done, Ignored, Outcome, Unprocessable
from libs.messaging.registry import Schema
from libs.worker.renewing import Renewed, renewed
from services.migration.errors import MigrationNotFound
from services.migration.ports import Locations, Mappings, NomisEstate
from services.migration.records import Item, ItemState, Kind, Listing, Status, Verdict
from services.migration.rules.page import judged, link_of, plan
from services.migration.settings import StageLimits
from services.migration.stages.isolation import FAILURES, isolated, told
from services.migration.store.pages import PageStore
from services.migration.store.runs import RunStore

LIST = "MIGRATE_LIST"
PAGE = "MIGRATE_PAGE"
ENDED = MappingProxyType(
    {Status.COMPLETED: "locations-migration-completed", Status.CANCELLED: "locations-migration-cancelled"}
)
log = structlog.get_logger()
Wake = Callable[[Sequence["Call"]], Awaitable[None]]
PageWork = Callable[[str, frozenset[str], Sequence[Item]], Awaitable[list[Verdict]]]
"""Does what a kind of run does to a page: the run's id, its prisons (none: all), the items still pending."""


class Call(Wire):
    """A wake-up: work on this. What is to be done is in the database."""

    type: str
    migration_id: Annotated[str, Field(pattern=r"^[ -~]{1,40}$")]
    page: Annotated[int, Field(ge=0, lt=2**31)] = 0


MESSAGES = (
    Schema(LIST, Call, "List what a run is to do; sent by migration to itself, and again by its sweeper"),
    Schema(PAGE, Call, "Work on one page of a run; sent by migration to itself, and again by its sweeper"),
)


class Stages:
    """The handlers of the migration's queue."""

    def __init__(
        self,
        runs: RunStore,
        pages: PageStore,
        nomis: NomisEstate,
        mappings: Mappings,
        locations: Locations,
        *,
        wake: Wake,
        now: Callable[[], datetime],
        limits: StageLimits,
        works: Mapping[Kind, PageWork],
        renewing: Renewed = renewed,
    ) -> None:
        self._renewing = renewing
        self._runs = runs
        self._pages = pages
        self._nomis = nomis
        self._mappings = mappings
        self._locations = locations
        self._wake = wake
        self._now = now
        self._limits = limits
        self._works = MappingProxyType({Kind.MIGRATION: self._migrate, **works})

    async def list_ids(self, message: Message) -> Outcome:
        """List every id of NOMIS, page by page, and open the first wave."""
        call = _call(message)
        try:
            return await self._listed(call)
        except MigrationNotFound as wiped:
            return Ignored(str(wiped))

    async def migrate_page(self, message: Message) -> Outcome:
        """Do to one page what its run does."""
        call = _call(message)
        try:
            return await self._paged(call)
        except MigrationNotFound as wiped:
            return Ignored(str(wiped))

    async def _listed(self, call: Call) -> Outcome:
        listing = await self._pages.listing(call.migration_id)
        if listing.goes_on and listing.of_migration_id is not None:
            await self._pages.list_of(call.migration_id, listing.of_migration_id)
            await self._pages.finish_listing(call.migration_id)
            listing = await self._pages.listing(call.migration_id)
        if listing.goes_on:
            claim = await self._pages.claim_listing(call.migration_id, self._now(), self._listing_end())
            if claim is None:
                return Ignored("its locations are being listed", {"migrationId": call.migration_id})
            listing = await self._listed_whole(call.migration_id, claim, listing)
        await self.go_on(call.migration_id)
        return Done("locations-migration-listed", {"migrationId": call.migration_id, "status": listing.status.value})

    async def _listed_whole(self, migration_id: str, claim: int, listing: Listing) -> Listing:
        async def keep() -> bool:
            return await self._pages.keep_listing(migration_id, claim, self._listing_end())

        try:
            async with self._renewing(keep, self._limits.listing_lease_seconds):
                while listing.goes_on:
                    await self._list_page(migration_id, listing)
                    listing = await self._pages.listing(migration_id)
        finally:
            # Whoever is woken next need not wait for it to run out.
            await self._pages.keep_listing(migration_id, claim, self._now())
        return listing

    def _listing_end(self) -> datetime:
        return self._now() + timedelta(seconds=self._limits.listing_lease_seconds)

    async def _list_page(self, migration_id: str, listing: Listing) -> None:
        limits = self._limits
        found = await self._nomis.next_page(listing.pages, listing.after, limits.ids_page)
        if found.rows:
            rows = await self._with_prisons(migration_id, found.rows) if listing.prisons else found.rows
            await self._pages.add_listed(migration_id, listing.pages, rows)
        elif found.by_key or await self._pages.end_pass(migration_id, listing.pages, limits.listed_again_max):
            await self._pages.finish_listing(migration_id)

    async def _paged(self, call: Call) -> Outcome:
        facts = {"migrationId": call.migration_id, "page": str(call.page)}
        seconds = timedelta(seconds=self._limits.lease_seconds)
        lease = await self._pages.lease(call.migration_id, call.page, self._now(), seconds)
        if lease is None:
            await self.go_on(call.migration_id)
            return Ignored("page is done, taken, or not wanted any more", facts)
        try:
            work = partial(self._works[lease.kind], call.migration_id, lease.prisons)
            async with self._kept(call, lease.attempt):
                verdicts = await isolated(lease.items, work, self._ask, lease.attempt, self._limits.isolation)
        except BaseException as failure:
            # The next delivery need not wait for the lease to run out.
            await self._pages.release(call.migration_id, call.page, lease.attempt, told(failure))
            raise
        verdicts = [await self._named(verdict) for verdict in verdicts]
        await self._pages.mark(call.migration_id, call.page, verdicts, self._now())
        await self.go_on(call.migration_id)
        return Done("locations-migration-page-migrated", facts | {"items": str(len(lease.items))})

    def _kept(self, call: Call, attempt: int) -> AbstractAsyncContextManager[None]:
        """Hold a page for as long as the block lasts: one that is halved and halved again takes longer than a lease."""
        seconds = self._limits.lease_seconds

        async def keep() -> bool:
            until = self._now() + timedelta(seconds=seconds)
            return await self._pages.keep(call.migration_id, call.page, attempt, until)

        return self._renewing(keep, seconds)

    async def sweep(self) -> None:
        """Wake again what a crash or a lost message let sleep."""
        if (active := await self._runs.active_id()) is None:
            return
        listing = await self._pages.listing(active)
        if listing.paused:
            return
        if listing.goes_on:
            await self._wake([Call(type=LIST, migration_id=active)])
            return
        await self.go_on(active)
        waiting = await self._pages.waiting_pages(active, self._now(), self._limits.swept_pages)
        await self._wake([Call(type=PAGE, migration_id=active, page=page) for page in waiting])

    async def go_on(self, migration_id: str) -> None:
        """End the run, or open its next wave and wake whoever takes the pages."""
        settle = timedelta(seconds=self._limits.settle_seconds)
        came = await self._pages.advance(migration_id, self._limits.page, self._now(), settle)
        await self._wake([Call(type=PAGE, migration_id=migration_id, page=page) for page in came.pages])
        if came.ended is not None:
            await self._tell_end(migration_id, came.ended)

    async def _tell_end(self, migration_id: str, ended: Status) -> None:
        run = await self._runs.run(migration_id)
        minutes = (run.when_ended - run.when_started) // timedelta(minutes=1) if run.when_ended else 0
        log.info(
            ENDED[ended],
            migrationId=migration_id,
            migrationType=run.migration_type,
            estimatedCount=str(run.estimated_record_count),
            durationMinutes=str(minutes),
        )

    async def _with_prisons(self, migration_id: str, rows: Sequence[ListedLocation]) -> list[ListedLocation]:
        """Ask for prison and parent of each new row where the list does not tell them, as NOMIS's own does not."""
        unknown = [row.id for row in rows if row.prison_id is None]
        unknown = sorted(await self._pages.unlisted(migration_id, unknown)) if unknown else []
        told: dict[NomisLocationId, ListedLocation] = {}
        for start in range(0, len(unknown), self._limits.page):
            found = await self._nomis.details(unknown[start : start + self._limits.page])
            told |= {
                row.location_id: ListedLocation(row.location_id, row.parent_location_id, row.prison_id) for row in found
            }
        return [told.get(row.id, row) for row in rows]

    async def _named(self, verdict: Verdict) -> Verdict:
        """Add key and prison to one that failed before anybody said them, if NOMIS lets it be read."""
        if verdict.state is not ItemState.FAILED or verdict.key is not None:
            return verdict
        try:
            rows = await self._nomis.details([verdict.nomis_id])
        except FAILURES:
            return verdict
        return replace(verdict, key=rows[0].description, prison_id=rows[0].prison_id) if rows else verdict

    async def _ask(self) -> None:
        """Hear from each service, of the locations API by a rehearsal of nothing."""
        await self._nomis.ids_page(0, 1)
        await self._mappings.for_nomis([NomisLocationId(0)])
        await self._locations.validate([])

    async def _migrate(self, migration_id: str, prisons: frozenset[str], items: Sequence[Item]) -> list[Verdict]:
        """One call each: details, mappings, create, link."""
        ids = [item.nomis_id for item in items]
        rows = {row.location_id: row for row in await self._nomis.details(ids)} if ids else {}
        parents = {row.parent_location_id for row in rows.values() if row.parent_location_id is not None}
        links = await self._mappings.for_nomis([*{*ids, *parents}])
        sorted_page = plan(items, rows, links, prisons, migration_id)
        wishes = [*sorted_page.to_create, *sorted_page.histories]
        answers = await self._locations.migrate(wishes) if wishes else []
        outcomes = answers[: len(sorted_page.to_create)]
        wanted: dict[NomisLocationId, LocationMapping] = {
            outcome.nomis_location_id: link for outcome in outcomes if (link := link_of(outcome, migration_id))
        }
        saved = await self._mappings.save_many([*wanted.values()]) if wanted else []
        in_the_way = dict(zip(wanted, saved, strict=True))
        return sorted_page.decided + [
            judged(outcome, rows[outcome.nomis_location_id], in_the_way.get(outcome.nomis_location_id))
            for outcome in outcomes
        ]


def _call(message: Message) -> Call:
    try:
        return read(Call, message.body)
    except Unreadable as wrong:
        raise Unprocessable(str(wrong)) from wrong
