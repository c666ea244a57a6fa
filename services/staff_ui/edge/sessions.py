"""Who is signed in, kept in a sealed cookie: no store to lose, none to share between replicas."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

from services.staff_ui.edge.sealing import Seal
from services.staff_ui.settings import SessionLimits

PURPOSE = "session"


@dataclass(frozen=True)
class Session:
    """One stay: from sign-in to sign-out. Times are seconds since the epoch."""

    id: str
    forgery_key: str
    token: str
    name: str
    # It ends at this moment, whatever happens.
    ends: float
    seen: float

    @classmethod
    def begun(cls, token: str, name: str, ends: float, now: float) -> Self:
        """Begin a new one; nothing of an earlier one is kept."""
        return cls(secrets.token_urlsafe(16), secrets.token_urlsafe(32), token, name, ends, now)


class Sessions:
    """Opens and closes the cookie; remembers who signed out, for as long as their cookie would have been good."""

    def __init__(self, seal: Seal, limits: SessionLimits) -> None:
        self._seal = seal
        self.limits = limits
        self._signed_out: OrderedDict[str, float] = OrderedDict()

    def opened(self, sealed: str, now: float) -> Session | None:
        """Return the session in a cookie; None when it ended, was idle for too long or is not ours."""
        content = self._seal.open(PURPOSE, sealed, self.limits.idle_seconds_max, now) if sealed else None
        if content is None:
            return None
        session = Session(**content)
        return None if session.ends <= now or session.id in self._signed_out else session

    def closed(self, session: Session, now: float) -> str:
        """Return the cookie of a session that was just used."""
        return self._seal.close(PURPOSE, asdict(replace(session, seen=now)), now)

    def due(self, session: Session, now: float) -> bool:
        """Tell whether the cookie should be written anew."""
        return now - session.seen > self.limits.renew_seconds

    def end(self, session: Session, now: float) -> None:
        """Sign out: a copy of the cookie opens no more in this process."""
        self._signed_out[session.id] = session.ends
        while self._signed_out and (
            len(self._signed_out) > self.limits.signed_out_remembered_max
            or next(iter(self._signed_out.values())) <= now
        ):
            self._signed_out.popitem(last=False)


@dataclass(frozen=True)
class Notice:
    """What the next page says once, at its top: what was done."""

    title: str
    text: str = ""

    def content(self) -> Mapping[str, str]:
        """Return it as it is sealed."""
        return {"title": self.title, "text": self.text}
