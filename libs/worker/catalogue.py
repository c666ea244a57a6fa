"""Every type of message that crosses from one service to another, with the model that reads it."""

from libs.domain.events import SETTLE, LocationEvent, LocationEventType, OffenderEvent, OffenderEventType, SettleRequest
from libs.messaging.registry import Registry, Schema

DOMAIN = tuple(str(kind) for kind in LocationEventType)
OFFENDER = tuple(str(kind) for kind in OffenderEventType)
CATALOGUE = Registry(
    *(Schema(kind, LocationEvent, "A DPS location changed; a hint, state is read afresh") for kind in DOMAIN),
    *(
        Schema(kind, OffenderEvent, "A NOMIS internal location changed; a hint, state is read afresh")
        for kind in OFFENDER
    ),
    Schema(SETTLE, SettleRequest, "Reconciliation asks a worker to make both sides of one location equal"),
)
