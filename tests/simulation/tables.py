"""The tables of reconciliation and of a migration in memory, as far as their handlers touch them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.domain.nomis import ListedLocation, NomisLocationId
from services.migration.records import Advance, Item, ItemState, Kind, Lease, Listing, Status, Verdict
from services.reconciliation.records import DueLocation, Noted, Waiting
from services.reconciliation.rules.settling import Ask, Decided, Park, Settled, Wait


@dataclass(slots=True)
class DueRow:
    """A location that is due; `locked` while somebody looks at it."""

    due_at: datetime
    told: int = 1
    noted: Noted = field(default_factory=Noted)
    parked: str | None = None
    key: str = ""


class DueTable:
    """`services.reconciliation.store.due.DueStore`."""

    def __init__(self, is_unheard: Callable[[DueLocation], bool]) -> None:
        self.rows: dict[DueLocation, DueRow] = {}
        self.locked: set[DueLocation] = set()
        self.parked_unheard: list[DueLocation] = []
        self._is_unheard = is_unheard

    def note(self, where: DueLocation, due: datetime, given_up: str | None = None) -> None:
        row = self.rows.get(where)
        self.rows[where] = DueRow(due, row.told + 1 if row else 1)
        for row in self.rows.values():
            if row.parked is not None and row.key == given_up:
                row.due_at, row.told, row.noted, row.parked = due, row.told + 1, Noted(), None

    def demand(self, where: DueLocation, now: datetime) -> None:
        """Have one looked at, as an operator's repair does."""
        self.rows[where] = DueRow(now)

    def resume(self, reason: str, now: datetime) -> None:
        """Have looked at what is parked for a reason that is none any more."""
        self.rows |= {where: DueRow(now) for where, row in self.rows.items() if row.parked == reason}

    async def oldest(self) -> datetime | None:
        return min((row.due_at for row in self.rows.values() if row.parked is None), default=None)

    @asynccontextmanager
    async def taken(self, now: datetime, most: int) -> AsyncIterator[list[Waiting]]:
        free = [
            where
            for where, row in self.rows.items()
            if row.parked is None and row.due_at <= now and where not in self.locked
        ][:most]
        self.locked |= set(free)
        try:
            yield [Waiting(where, self.rows[where].told, self.rows[where].noted) for where in free]
        finally:
            self.locked -= set(free)

    async def decide(self, decided: Sequence[Decided], over: Sequence[DueLocation], now: datetime) -> None:
        for where in over:
            if where in self.rows and self.rows[where].parked is not None:
                del self.rows[where]
        for each in decided:
            waiting = each.waiting
            row = self.rows.get(waiting.where)
            if row is None or row.told != waiting.told:
                continue
            match each.step:
                case Settled():
                    del self.rows[waiting.where]
                case Ask(noted, after) | Wait(noted, after):
                    row.noted, row.due_at = noted, now + after
                case Park(noted, reason):
                    row.noted, row.parked, row.key = noted, reason, each.key
                    if reason.startswith("cannot settle") and self._is_unheard(waiting.where):
                        self.parked_unheard.append(waiting.where)


WAVES_MAX = 20


@dataclass(slots=True)
class PageRow:
    """A page of a run."""

    items: list[NomisLocationId]
    leased_until: datetime | None = None
    attempt: int = 0
    done: bool = False


class MigrationTables:
    """`services.migration.store`'s pages of one run, and its `active_id`, by `tests.contracts.migration_pages`.

    A wave is a page; parents have lower ids.
    """

    def __init__(self, migration_id: str) -> None:
        self.migration_id = migration_id
        self.items: dict[NomisLocationId, ListedLocation] = {}
        self.states: dict[NomisLocationId, ItemState] = {}
        self.reasons: dict[NomisLocationId, str | None] = {}
        self.pages: list[PageRow] = []
        self.pages_listed = 0
        self.listed = False
        self.listing_until: datetime | None = None
        self.listing_claim = 0
        self.listed_again = 0
        self.fresh = 0
        self.after: NomisLocationId | None = None
        self.over = False
        self.pages_max = WAVES_MAX

    def failed(self) -> list[NomisLocationId]:
        return [i for i, state in self.states.items() if state is ItemState.FAILED]

    def reopen(self) -> int:
        """Try again what failed, as an operator does."""
        failed = self.failed()
        self.states |= dict.fromkeys(failed, ItemState.PENDING)
        if failed:
            self.over = False
            self.pages_max = len(self.pages) + WAVES_MAX
            self.pages.append(PageRow(failed))
        return len(failed)

    async def active_id(self) -> str | None:
        return None if self.over else self.migration_id

    async def listing(self, migration_id: str) -> Listing:  # noqa: ARG002 - there is one run
        status = Status.COMPLETED if self.over else Status.STARTED
        return Listing(status, Kind.MIGRATION, False, self.pages_listed, self.listed, (), after=self.after)

    async def add_listed(self, migration_id: str, page: int, rows: Sequence[ListedLocation]) -> None:  # noqa: ARG002
        if page == self.pages_listed:
            self.fresh += len({row.id for row in rows} - self.items.keys())
            self.items = {row.id: row for row in rows} | self.items
            self.states = {row.id: ItemState.PENDING for row in rows} | self.states
            self.pages_listed, self.after = page + 1, rows[-1].id

    async def unlisted(self, migration_id: str, ids: Sequence[NomisLocationId]) -> set[NomisLocationId]:  # noqa: ARG002
        return {*ids} - self.items.keys()

    async def end_pass(self, migration_id: str, pages: int, most_again: int) -> bool:  # noqa: ARG002
        mine = not self.listed and pages == self.pages_listed
        if not mine or not self.fresh or self.listed_again >= most_again:
            return mine
        self.pages_listed, self.after, self.fresh, self.listed_again = 0, None, 0, self.listed_again + 1
        return False

    async def finish_listing(self, migration_id: str) -> None:  # noqa: ARG002
        self.listed = True

    async def waiting_pages(self, migration_id: str, now: datetime, most: int) -> list[int]:  # noqa: ARG002
        free = (n for n, page in enumerate(self.pages) if not page.done and _is_free(page, now))
        return [*free][:most]

    async def lease(self, migration_id: str, page: int, now: datetime, lease: timedelta) -> Lease | None:  # noqa: ARG002
        row = self.pages[page] if page < len(self.pages) else None
        if row is None or row.done or not _is_free(row, now):
            return None
        row.leased_until, row.attempt = now + lease, row.attempt + 1
        pending = [self.items[i] for i in row.items if self.states[i] is ItemState.PENDING]
        return Lease([Item(each.id, each.parent_id) for each in pending], row.attempt, Kind.MIGRATION, frozenset())

    async def keep(self, migration_id: str, page: int, attempt: int, until: datetime) -> bool:  # noqa: ARG002
        row = self.pages[page]
        if row.done or row.attempt != attempt or row.leased_until is None:
            return False
        row.leased_until = until
        return True

    async def claim_listing(self, migration_id: str, now: datetime, until: datetime) -> int | None:  # noqa: ARG002
        if self.listing_until is not None and self.listing_until > now:
            return None
        self.listing_until = until
        self.listing_claim += 1
        return self.listing_claim

    async def keep_listing(self, migration_id: str, claim: int, until: datetime) -> bool:  # noqa: ARG002
        if claim != self.listing_claim:
            return False
        self.listing_until = until
        return True

    async def release(self, migration_id: str, page: int, attempt: int, failure: str) -> None:  # noqa: ARG002
        if self.pages[page].attempt == attempt:
            self.pages[page].leased_until = None

    async def mark(self, migration_id: str, page: int, verdicts: Sequence[Verdict], now: datetime) -> None:  # noqa: ARG002
        for verdict in verdicts:
            if self.states[verdict.nomis_id] is ItemState.PENDING:
                self.states[verdict.nomis_id] = verdict.state
                self.reasons[verdict.nomis_id] = verdict.reason
        self.pages[page].done = True

    async def advance(
        self,
        migration_id: str,  # noqa: ARG002
        page_size: int,
        now: datetime,  # noqa: ARG002
        settle: timedelta,  # noqa: ARG002 - for verifications
    ) -> Advance:
        pending = [i for i, state in sorted(self.states.items()) if state is ItemState.PENDING]
        if not self.listed or any(not page.done for page in self.pages):
            return Advance([])
        if pending and len(self.pages) >= self.pages_max:
            self.states |= dict.fromkeys(pending, ItemState.FAILED)
            pending = []
        if not pending:
            self.over = True
            return Advance([])
        first = len(self.pages)
        self.pages += [PageRow(pending[at : at + page_size]) for at in range(0, len(pending), page_size)]
        return Advance([*range(first, len(self.pages))])


def _is_free(page: PageRow, now: datetime) -> bool:
    return page.leased_until is None or page.leased_until < now
