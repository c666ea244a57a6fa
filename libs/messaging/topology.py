"""Every topic, queue, filter and redrive in one file: created locally, verified elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from libs.messaging.queue import is_fifo

# A released message was received too, so the count must leave room for that beside the planned tries.
SPARE_RECEIVES = 2


class TopologyUnreadable(Exception):
    """The file is not there or says something that cannot work; the text names the place."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class TopicPlan(_Part):
    """A topic: standard, or FIFO when its id ends in `.fifo`."""


class SubscriptionPlan(_Part):
    """What of a topic goes to the queue: by message attributes; a key's values are alternatives, keys add up."""

    topic: str
    raw: bool = False
    filter: Mapping[str, Sequence[Any]] = {}


class DeadLetterPlan(_Part):
    """The clock of a dead-lettered message is not started again, so this must exceed the source's."""

    retention_seconds: PositiveInt


class QueuePlan(_Part):
    """A queue (FIFO when its id ends in `.fifo`) with its dead-letter queue, its retries and its subscriptions."""

    visibility_seconds: PositiveInt = Field(le=43_200)
    retention_seconds: PositiveInt = Field(ge=60, le=1_209_600)
    backoff_seconds: tuple[int, ...] = Field(min_length=1)
    max_receive_count: PositiveInt = Field(le=1000)
    dead_letter: DeadLetterPlan
    # Off for a queue whose hundreds of thousands of messages would make one trace that nobody can read.
    propagate_tracing: bool = True
    subscriptions: tuple[SubscriptionPlan, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.max_receive_count != len(self.backoff_seconds) + SPARE_RECEIVES:
            raise ValueError(f"maxReceiveCount: must be the number of backoffSeconds + {SPARE_RECEIVES}")
        if self.dead_letter.retention_seconds < self.retention_seconds:
            raise ValueError("deadLetter.retentionSeconds: must not be below retentionSeconds")
        return self


class Topology(_Part):
    """The whole of it, by id."""

    topics: Mapping[str, TopicPlan]
    queues: Mapping[str, QueuePlan]

    @model_validator(mode="after")
    def _topics_exist(self) -> Self:
        for name, queue in self.queues.items():
            for subscription in queue.subscriptions:
                if subscription.topic not in self.topics:
                    raise ValueError(f"queues.{name}: unknown topic {subscription.topic}")
                if is_fifo(name) and not is_fifo(subscription.topic):
                    raise ValueError(f"queues.{name}: a FIFO queue takes from a FIFO topic, not {subscription.topic}")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file. Raises TopologyUnreadable."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise TopologyUnreadable(f"{path}: {error.strerror}") from error
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors())
            raise TopologyUnreadable(f"{path}: {told}") from error

    def queue(self, name: str) -> QueuePlan:
        """Return a queue's plan. Raises TopologyUnreadable."""
        try:
            return self.queues[name]
        except KeyError:
            raise TopologyUnreadable(f"no queue {name} in the topology") from None
