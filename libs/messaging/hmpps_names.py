"""Reads the names of queues and topics as the originals' charts give them, so that their secrets need no new shape.

`HMPPS_SQS_QUEUES_<ID>_QUEUE_NAME`, `HMPPS_SQS_QUEUES_<ID>_DLQ_NAME` and `HMPPS_SQS_TOPICS_<ID>_ARN`, where the id is
the topology's without what is neither letter nor digit: `to-nomis-locations` is TONOMISLOCATIONS or TO_NOMIS_LOCATIONS.
Other `HMPPS_SQS_…` variables say nothing here. Pure.
"""

import re
from collections.abc import Collection, Mapping

from libs.messaging.sqs import dead_letter_of

NAME = re.compile(r"HMPPS_SQS_(?:QUEUES_(?P<queue>\w+?)_(?P<which>QUEUE|DLQ)_NAME|TOPICS_(?P<topic>\w+?)_ARN)")


class NameUnclear(ValueError):
    """A variable names a queue or topic that there is none of, or one name is given twice."""


def hmpps_names(
    environment: Mapping[str, str], *, queues: Collection[str] = (), topics: Collection[str] = ()
) -> dict[str, str]:
    """Return real names and ARNs by id, as `AwsSettings.names` has them, of these ids. Raises NameUnclear."""
    by_queue, by_topic = ({_bare(each): each for each in ids} for ids in (queues, topics))
    names: dict[str, str] = {}
    for variable, value in sorted(environment.items()):
        found = NAME.fullmatch(variable)
        if found is None:
            continue
        known, told = (by_queue, found["queue"]) if found["queue"] else (by_topic, found["topic"])
        try:
            name = known[_bare(told)]
        except KeyError:
            raise NameUnclear(f"{variable}: no such id here, but {', '.join(sorted(known))}") from None
        if found["which"] == "DLQ":
            name = dead_letter_of(name)
        if value in names.values() or name in names:
            raise NameUnclear(f"{variable}: {name} or {value} is named by another variable too")
        if found["topic"] and not value.startswith("arn:"):
            raise NameUnclear(f"{variable}: an ARN, not {value}")
        names[name] = value
    return names


def _bare(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())
