"""Every bound of a consumer, by name."""

from typing import Any

from pydantic import BaseModel, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from libs.messaging.topology import QueuePlan


class BreakerLimits(BaseModel, frozen=True):
    """When polling pauses because what the handlers need is away, and for how long."""

    # Of the last so many ends this share, and at least so many, for want of the same service.
    window: PositiveInt = 20
    share: float = Field(0.8, gt=0, le=1)
    failures_min: PositiveInt = 5
    # The first pause; each that follows without a success between is twice as long.
    first_seconds: PositiveFloat = 5
    longest_seconds: PositiveFloat = 60


class VitalLimits(BaseModel, frozen=True):
    """When a consumer counts as stuck."""

    # Longer than a poll with all its deadlines.
    poll_seconds_max: PositiveFloat = 90
    # How long after its limit a handler may take to end.
    handler_grace_seconds: PositiveFloat = 10
    # And after how long only a restart helps: then liveness fails.
    restart_after_seconds: PositiveFloat = 120
    look_seconds: PositiveFloat = 5


class ConsumerLimits(BaseModel, frozen=True):
    """How much at once, how long, how often."""

    messages_in_flight_max: PositiveInt = 10
    handler_seconds_max: PositiveFloat = 50
    visibility_seconds: PositiveInt = 60
    backoff_seconds: tuple[NonNegativeInt, ...] = Field((1, 5, 15, 60, 300, 600), min_length=1)
    backoff_jitter: float = Field(0.2, ge=0, lt=1)
    # 0 polls without waiting, for an emulator whose long poll is slow; never so against AWS, which bills empty polls.
    wait_seconds: NonNegativeInt = Field(20, le=20)
    idle_pause_seconds: NonNegativeFloat = 0
    # In a backlog a poller waits this long for more slots, so that receives stay full.
    gather_seconds: NonNegativeFloat = 0.02
    delete_linger_seconds: NonNegativeFloat = 0.05
    # While a delete has waited longer than this for a broker that is slow, nothing is received: what is handled and not
    # deleted in time comes again, and a queue that is handled twice grows slower still.
    delete_behind_seconds_max: PositiveFloat = 1
    call_retry_seconds: PositiveFloat = 0.2
    poll_retry_first_seconds: PositiveFloat = 0.2
    poll_retry_longest_seconds: PositiveFloat = 10
    # What runs may end within this after a stop; below the grace that the process gets.
    drain_seconds: NonNegativeFloat = 15
    # A poll still open so long after a stop is ended by a wake-up, after which twice as many are sent, so many times.
    wake_seconds: PositiveFloat = 0.25
    wake_rounds_max: NonNegativeInt = 5
    breaker: BreakerLimits = BreakerLimits()
    vitals: VitalLimits = VitalLimits()
    # Whether the handling of a message goes on with the trace that it carries.
    propagate_tracing: bool = True

    @classmethod
    def of(cls, plan: QueuePlan, **chosen: Any) -> "ConsumerLimits":
        """Take from the topology what it says of the queue, and the rest as given."""
        told = {
            "visibility_seconds": plan.visibility_seconds,
            "backoff_seconds": plan.backoff_seconds,
            "propagate_tracing": plan.propagate_tracing,
        }
        return cls.model_validate({**told, **chosen})
