"""What the pages of a migration do, be they its tables or what stands for them in the simulation.

A subclass named `Test…` gives the fixture `pages`: the pages of one started run, `RUN`, that has listed nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from libs.domain.nomis import ListedLocation, NomisLocationId
from services.migration.records import ItemState, Verdict

RUN = "2026-11-24T09:00:00"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
N1, N2, N3 = (NomisLocationId(n) for n in (880041, 880042, 880043))


def listed(*ids: NomisLocationId) -> list[ListedLocation]:
    return [ListedLocation(each, None, "NWI") for each in ids]


async def opened(pages: Any, size: int = 2) -> list[int]:
    """List three locations and open their pages."""
    await pages.add_listed(RUN, 0, listed(N1, N2, N3))
    await pages.finish_listing(RUN)
    found: list[int] = (await pages.advance(RUN, size, NOW, LEASE)).pages
    return found


class MigrationPagesContract:
    """The sentences."""

    async def test_a_page_listed_twice_counts_once_and_the_last_id_is_kept(self, pages: Any) -> None:
        for _ in range(2):
            await pages.add_listed(RUN, 0, listed(N1, N2))
        listing = await pages.listing(RUN)
        assert (listing.pages, listing.after, listing.goes_on) == (1, N2, True)
        assert await pages.unlisted(RUN, [N2, N3]) == {N3}

    async def test_a_pass_that_found_something_new_is_followed_by_another(self, pages: Any) -> None:
        await pages.add_listed(RUN, 0, listed(N1))
        assert not await pages.end_pass(RUN, 1, 5)
        assert (await pages.listing(RUN)).pages == 0
        await pages.add_listed(RUN, 0, listed(N1))
        assert await pages.end_pass(RUN, 1, 5)

    async def test_a_pass_that_somebody_else_ended_is_no_end(self, pages: Any) -> None:
        await pages.add_listed(RUN, 0, listed(N1))
        await pages.end_pass(RUN, 1, 5)
        assert not await pages.end_pass(RUN, 1, 5)

    async def test_passes_are_bounded(self, pages: Any) -> None:
        await pages.add_listed(RUN, 0, listed(N1))
        assert await pages.end_pass(RUN, 1, 0)

    async def test_a_page_is_held_longer_by_whoever_works_on_it_and_by_nobody_else(self, pages: Any) -> None:
        first, _ = await opened(pages)
        taken = await pages.lease(RUN, first, NOW, LEASE)
        assert await pages.keep(RUN, first, taken.attempt, NOW + 3 * LEASE)
        assert await pages.lease(RUN, first, NOW + 2 * LEASE, LEASE) is None
        late = await pages.lease(RUN, first, NOW + 4 * LEASE, LEASE)
        assert not await pages.keep(RUN, first, taken.attempt, NOW + 9 * LEASE)
        await pages.release(RUN, first, taken.attempt, "too late")
        assert await pages.keep(RUN, first, late.attempt, NOW + 9 * LEASE)
        await pages.release(RUN, first, late.attempt, "why")
        assert not await pages.keep(RUN, first, late.attempt, NOW + 9 * LEASE)
        assert await pages.lease(RUN, first, NOW + 4 * LEASE, LEASE) is not None

    async def test_one_lists_at_a_time_until_it_is_done_or_late(self, pages: Any) -> None:
        first = await pages.claim_listing(RUN, NOW, NOW + LEASE)
        assert await pages.claim_listing(RUN, NOW, NOW + LEASE) is None
        assert await pages.keep_listing(RUN, first, NOW + 2 * LEASE)
        assert await pages.claim_listing(RUN, NOW + LEASE, NOW + 2 * LEASE) is None
        second = await pages.claim_listing(RUN, NOW + 2 * LEASE, NOW + 3 * LEASE)
        # Whoever was too late neither goes on nor ends what is another's.
        assert not await pages.keep_listing(RUN, first, NOW + 9 * LEASE)
        assert not await pages.keep_listing(RUN, first, NOW)
        assert await pages.claim_listing(RUN, NOW + 2 * LEASE, NOW + 3 * LEASE) is None
        assert await pages.keep_listing(RUN, second, NOW)
        assert await pages.claim_listing(RUN, NOW, NOW + LEASE)

    async def test_a_leased_page_is_nobody_else_s_until_it_is_given_back_or_late(self, pages: Any) -> None:
        first, second = await opened(pages)
        assert await pages.waiting_pages(RUN, NOW, 10) == [first, second]
        taken = await pages.lease(RUN, first, NOW, LEASE)
        assert ([item.nomis_id for item in taken.items], taken.attempt) == ([N1, N2], 1)
        assert await pages.lease(RUN, first, NOW, LEASE) is None
        assert await pages.waiting_pages(RUN, NOW, 10) == [second]
        await pages.release(RUN, first, taken.attempt, "in the way")
        assert (await pages.lease(RUN, first, NOW, LEASE)).attempt == 2
        assert (await pages.lease(RUN, first, NOW + LEASE * 2, LEASE)).attempt == 3

    async def test_what_is_marked_is_done_and_the_run_ends_with_its_last_page(self, pages: Any) -> None:
        for page in await opened(pages):
            lease = await pages.lease(RUN, page, NOW, LEASE)
            verdicts = [Verdict(item.nomis_id, ItemState.MIGRATED) for item in lease.items]
            assert await pages.active_id() == RUN
            await pages.mark(RUN, page, verdicts, NOW)
            assert await pages.lease(RUN, page, NOW, LEASE) is None
            await pages.advance(RUN, 2, NOW, LEASE)
        assert await pages.active_id() is None

    async def test_what_stays_pending_comes_again_on_a_page_of_its_own(self, pages: Any) -> None:
        for page in await opened(pages):
            lease = await pages.lease(RUN, page, NOW, LEASE)
            states = {N2: ItemState.PENDING}
            verdicts = [Verdict(i.nomis_id, states.get(i.nomis_id, ItemState.MIGRATED)) for i in lease.items]
            await pages.mark(RUN, page, verdicts, NOW)
        [again] = (await pages.advance(RUN, 2, NOW, LEASE)).pages
        assert [item.nomis_id for item in (await pages.lease(RUN, again, NOW, LEASE)).items] == [N2]
