"""A remote that is down or unwell is not a bug of ours: the message waits and comes again."""

from collections.abc import Awaitable, Callable
from functools import wraps

from libs.messaging.message import Message
from libs.messaging.outcome import Outcome, RetryLater
from libs.web.outgoing import RemoteFailure

Handler = Callable[[Message], Awaitable[Outcome]]


def waiting_out_remotes(handler: Handler) -> Handler:
    """Turn a remote's failure, which names method, path and status only, into RetryLater."""

    @wraps(handler)
    async def handle(message: Message) -> Outcome:
        try:
            return await handler(message)
        except RemoteFailure as failure:
            raise RetryLater(str(failure)) from failure

    return handle
