"""Who may do what on which queue and topic, and who talks to whom (`design.md` §2, §4): for AWS and Kubernetes.

The audit queue and the topics may belong to others; rights are all that is needed of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from libs.messaging.audit import QUEUE as AUDIT

SEND = ("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage")
PUBLISH = ("sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:Publish")
# A consumer also moves dead letters and what is parked, and keeps its switches and how far a redrive is as tags.
CONSUME = (
    "sqs:CancelMessageMoveTask",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListMessageMoveTasks",
    "sqs:ListQueueTags",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "sqs:StartMessageMoveTask",
    "sqs:TagQueue",
    "sqs:UntagQueue",
)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A service as it is deployed; `calls` are the services it calls, `outside` the systems of others."""

    consumes: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    database: bool = False
    calls: tuple[str, ...] = ()
    outside: tuple[str, ...] = ("sign-in",)
    # Who from outside the namespace may come in.
    public: bool = False

    @property
    def broker(self) -> bool:
        """Whether it needs SQS or SNS at all."""
        return bool(self.consumes or self.sends or self.publishes)


# What runs `lip` on a timetable.
OPERATORS = Deployed(calls=("migration", "reconciliation", "to_nomis", "from_nomis"))

SERVICES: Mapping[str, Deployed] = MappingProxyType(
    {
        "locations": Deployed(
            sends=(AUDIT,),
            publishes=("domain-events",),
            database=True,
            outside=("sign-in", "prisoner-search", "prison-register", "prison-api"),
            public=True,
        ),
        "mapping": Deployed(database=True),
        "to_nomis": Deployed(
            consumes=("to-nomis-locations",),
            sends=(AUDIT,),
            calls=("locations", "mapping"),
            outside=("sign-in", "nomis"),
        ),
        "from_nomis": Deployed(
            consumes=("from-nomis-locations",),
            sends=(AUDIT,),
            calls=("locations", "mapping"),
            outside=("sign-in", "nomis"),
        ),
        "migration": Deployed(
            consumes=("migration-locations",),
            sends=(AUDIT,),
            database=True,
            calls=("locations", "mapping"),
            outside=("sign-in", "nomis"),
            public=True,
        ),
        "reconciliation": Deployed(
            consumes=("reconciliation-locations",),
            sends=("to-nomis-locations", "from-nomis-locations", AUDIT),
            database=True,
            calls=("locations", "mapping"),
            outside=("sign-in", "nomis"),
            public=True,
        ),
        "staff_ui": Deployed(
            calls=("locations", "migration", "reconciliation", "to_nomis", "from_nomis"),
            outside=("sign-in", "prison-register"),
            public=True,
        ),
    }
)
