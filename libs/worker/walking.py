"""Opens a settler over the three APIs: what both workers of the walk are wired around."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from libs.clients.gathered import GatheredLocations, GatheredMappings, GatheredNomis
from libs.clients.locations import LocationsClient
from libs.clients.nomis import NomisClient
from libs.settling.outcome import Us
from libs.settling.settler import Settler
from libs.web.outgoing import api_session
from libs.worker.settings import WalkerSettings


@dataclass(frozen=True, slots=True)
class Walker:
    """A settler, and the client whose other doors a worker uses."""

    settler: Settler
    locations: LocationsClient


@asynccontextmanager
async def open_walker(settings: WalkerSettings) -> AsyncIterator[Walker]:
    """Open a session to each API."""
    async with AsyncExitStack() as stack:
        locations = await stack.enter_async_context(api_session(settings.remote(settings.api_base_url_locations)))
        mapping = await stack.enter_async_context(api_session(settings.remote(settings.api_base_url_mapping)))
        nomis = await stack.enter_async_context(api_session(settings.remote(settings.api_base_url_nomis)))
        client, conditional = GatheredLocations(locations, settings.gathering), settings.nomis_conditional_writes
        settler = Settler(
            client,
            GatheredNomis(nomis, settings.gathering, conditional_writes=conditional)
            if settings.nomis_bulk_reads
            else NomisClient(nomis, conditional_writes=conditional),
            GatheredMappings(mapping, settings.gathering),
            limits=settings.walk,
            us=Us(sync_user=settings.sync_user, nomis_api_user=settings.nomis_api_user),
        )
        yield Walker(settler, client)
