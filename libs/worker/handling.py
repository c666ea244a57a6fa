"""How a failure in a handler ends its message: a remote that is unwell is waited for, an unreadable body is not."""

from functools import wraps

from libs.db.faults import DATABASE_AWAY
from libs.domain.reading import Unreadable
from libs.domain.translation import Untranslatable
from libs.messaging.endings import Handler
from libs.messaging.message import Message
from libs.messaging.outcome import Ignored, Outcome, RetryLater, Unprocessable
from libs.web.outgoing import RemoteFailure
from libs.worker.catalogue import CATALOGUE


def asked_again(handler: Handler, note: str = "settle-left", tries: int = 1) -> Handler:
    """Let go of a wish that could not be carried out so often: whoever wished it keeps it in rows and asks again.

    For settle requests and a migration's wake-ups only: kept, they would fill the dead-letter queue with what is known.
    """

    @wraps(handler)
    async def handle(message: Message) -> Outcome:
        try:
            return await handler(message)
        except RetryLater as left:
            if message.attempt < tries:
                raise
            return Ignored(note, {"reason": left.reason})

    return handle


def guarded(handler: Handler) -> Handler:
    """Translate failures of remotes, bodies and codes into endings of a message; the rest is a bug and stays one."""

    @wraps(handler)
    async def handle(message: Message) -> Outcome:
        try:
            return await handler(CATALOGUE.lifted(message))
        except RemoteFailure as failure:
            away = (failure.remote or "another service") if failure.away else ""
            raise RetryLater(str(failure), away=away) from failure
        except DATABASE_AWAY as failure:
            raise RetryLater(f"database: {type(failure).__name__}", away="database") from failure
        except (Unreadable, Untranslatable) as wrong:
            raise Unprocessable(str(wrong)) from wrong

    return handle
