"""Who is who: ids that can be derived, and the rows that one side makes as a by-product.

A mapping always beats a derived id. A location that is new from NOMIS gets the same id in sync and in migration, so
creating it twice creates it once.
"""

import secrets
import time
from collections.abc import Callable
from uuid import UUID, uuid5

from libs.domain.nomis import NomisLocationId

NOMIS_NAMESPACE = UUID("6f1b0c3e-52a7-5d0e-9a43-6d1f0e6c7a21")

DPS_MODULE_PREFIX = "DPS_SYNCHRONISATION"

# Visit rooms that the visits service makes in NOMIS through our own API user: DPS has never seen them.
VSIP_SUFFIXES = ("-VISITS-VSIP_CLO", "-VISITS-VSIP_SOC", "-VISIT-VSIP_CLO", "-VISIT-VSIP_SOC")


def dps_id_for(nomis_location_id: NomisLocationId) -> UUID:
    """Return the DPS id that a location new from NOMIS gets, wherever it is met first."""
    return uuid5(NOMIS_NAMESPACE, str(nomis_location_id))


def new_location_id(nanoseconds: Callable[[], int] = time.time_ns) -> UUID:
    """Return an id for a location made by staff: a UUID of version 7 (RFC 9562 §5.7), so that ids sort by creation.

    Within a millisecond the twelve bits after the version go on counting, a quarter of a microsecond each.
    """
    milliseconds, rest = divmod(nanoseconds(), 1_000_000)
    fraction = (rest << 12) // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62))


def is_vsip_room(description: str | None) -> bool:
    """Whether this description names a room that the visits service made."""
    return description is not None and description.endswith(VSIP_SUFFIXES)


def written_by_dps(audit_module_name: str | None) -> bool:
    """Whether a NOMIS event tells of a write of our own (prefix: later modules carry a suffix)."""
    return audit_module_name is not None and audit_module_name.startswith(DPS_MODULE_PREFIX)


ASIDE = "~"
"""Begins the name of what stands aside for a moment (`docs/adr/0016-making-room.md`)."""


def is_aside_name(description: str, nomis_location_id: int) -> bool:
    """Whether a description is one of the two that this very row takes when it gives up its place."""
    return description.removesuffix(ASIDE).endswith(f"-{ASIDE}{nomis_location_id}")


def stands_aside(key: str) -> bool:
    """Whether a key or description belongs to somebody who stands aside, or below one who does."""
    return f"-{ASIDE}" in key
