"""Turns what botocore raises into the two things that callers act on: it is gone, or it does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from libs.messaging.queue import BrokerUnavailable, MovesMissing, PurgeInProgress, QueueGone

GONE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NonExistentQueue",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
    }
)
# What a broker without move tasks says, and one with them to whom they do not apply, or who is not allowed to.
NO_MOVES = frozenset(
    {
        "InvalidAction",
        "UnsupportedOperation",
        "AWS.SimpleQueueService.UnsupportedOperation",
        "UnknownOperationException",
        "NotImplemented",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "AccessDenied",
        "AccessDeniedException",
    }
)
PURGING = frozenset({"AWS.SimpleQueueService.PurgeQueueInProgress", "PurgeQueueInProgress"})


def code_of(error: ClientError) -> str:
    """Return the broker's own word for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


@contextmanager
def moves_translated(resource: str) -> Iterator[None]:
    """As `translated`, and MovesMissing where the broker does not do this."""
    with translated(resource):
        try:
            yield
        except ClientError as error:
            if code_of(error) in NO_MOVES:
                raise MovesMissing(f"{resource}: {code_of(error)}") from error
            raise


@contextmanager
def translated(resource: str) -> Iterator[None]:
    """Raise what the ports promise, naming the resource, for whatever a call to the broker raises."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if code in GONE:
            raise QueueGone(resource) from error
        if code in PURGING:
            raise PurgeInProgress(resource) from error
        raise BrokerUnavailable(f"{resource}: {code}") from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        raise BrokerUnavailable(f"{resource}: {type(error).__name__}") from error
