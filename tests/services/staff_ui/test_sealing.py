"""What a browser keeps for us, and forms that are not ours."""

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from services.staff_ui.edge import forgery
from services.staff_ui.edge.cookies import PIECE, Cookies
from services.staff_ui.edge.sealing import Seal
from services.staff_ui.edge.sessions import Session, Sessions
from services.staff_ui.edge.sign_in import own_path
from services.staff_ui.errors import Forged
from services.staff_ui.settings import SessionLimits

OLD, NEW = "o" * 32, "n" * 32
NOW = 1_800_000_000.0
LIMITS = SessionLimits(idle_seconds_max=600, renew_seconds=60)


def sessions(*secrets: str) -> Sessions:
    return Sessions(Seal(secrets or (NEW,)), LIMITS)


def session(ends: float = NOW + 3600) -> Session:
    return Session.begun("token", "Lee", ends, NOW)


def test_a_session_opens_until_it_was_idle_too_long() -> None:
    kept = sessions()
    sealed = kept.closed(session(), NOW)
    opened = kept.opened(sealed, NOW + 599)
    assert opened is not None
    assert opened.token == "token"
    assert kept.opened(sealed, NOW + 601) is None


def test_a_session_ends_however_often_it_is_used() -> None:
    kept = sessions()
    sealed = kept.closed(session(NOW + 100), NOW + 99)
    assert kept.opened(sealed, NOW + 99) is not None
    assert kept.opened(sealed, NOW + 100) is None


def test_a_session_that_signed_out_opens_no_more_and_is_forgotten_in_time() -> None:
    kept = sessions()
    gone, stays = session(NOW + 10), session()
    kept.end(gone, NOW)
    assert kept.opened(kept.closed(gone, NOW), NOW) is None
    assert kept.opened(kept.closed(stays, NOW), NOW) is not None
    kept.end(stays, NOW + 11)
    assert gone.id not in kept._signed_out


def test_an_older_secret_still_opens_and_a_strange_one_never() -> None:
    sealed = sessions(OLD).closed(session(), NOW)
    assert sessions(NEW, OLD).opened(sealed, NOW) is not None
    assert sessions(NEW).opened(sealed, NOW) is None


def test_what_was_sealed_for_one_purpose_does_not_open_for_another() -> None:
    seal = Seal((NEW,))
    assert seal.open("sign-in", seal.close("session", {"a": 1}, NOW), 60, NOW) is None


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=1))
def test_a_sealed_text_with_a_changed_letter_opens_to_nothing_else(place: int, letter: bytes) -> None:
    seal = Seal((NEW,))
    sealed = seal.close("session", {"who": "Lee"}, NOW).encode()
    place %= len(sealed)
    changed = sealed[:place] + letter + sealed[place + 1 :]
    opened = seal.open("session", changed.decode("latin-1"), 60, NOW)
    # The last letters of base64 have spare bits: another spelling of the same content is the same content.
    assert opened in (None, {"who": "Lee"})
    assert opened is None or abs(place - len(sealed)) <= 4 or changed == sealed


def test_a_long_value_is_kept_in_pieces_and_a_shorter_one_removes_them() -> None:
    cookies = Cookies(secure=True)
    long = web.Response()
    cookies.write(long, {}, "kept", "x" * (2 * PIECE + 1))
    sent = {name: morsel.value for name, morsel in long.cookies.items()}
    assert set(sent) == {"__Host-kept", "__Host-kept.1", "__Host-kept.2"}
    assert all(morsel["secure"] and morsel["httponly"] for morsel in long.cookies.values())
    assert cookies.read(sent, "kept") == "x" * (2 * PIECE + 1)
    short = web.Response()
    cookies.write(short, sent, "kept", "y")
    assert short.cookies["__Host-kept.1"]["max-age"] == "0"
    with pytest.raises(ValueError, match="more than cookies hold"):
        cookies.write(web.Response(), {}, "kept", "x" * (6 * PIECE))


def test_the_token_of_a_form_is_another_each_time_and_good_for_one_session() -> None:
    assert forgery.token("key") != forgery.token("key")
    forgery.check("key", forgery.token("key"))
    for token in ("", ".", "a.b", forgery.token("other")):
        with pytest.raises(Forged):
            forgery.check("key", token)


def test_a_browser_that_tells_of_another_site_is_believed() -> None:
    ours = URL("https://locations.example/")
    forgery.check_origin({}, ours)
    forgery.check_origin({"Sec-Fetch-Site": "same-origin", "Origin": "https://locations.example"}, ours)
    for headers in ({"Sec-Fetch-Site": "same-site"}, {"Origin": "https://other.example"}, {"Origin": "null"}):
        with pytest.raises(Forged):
            forgery.check_origin(headers, ours)


@given(st.text(max_size=60))
def test_nobody_is_sent_to_another_host(wanted: str) -> None:
    path = own_path(wanted)
    assert path.startswith("/")
    there = URL("https://locations.example/").join(URL(path, encoded=True))
    assert there.host == "locations.example"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "", "/\t/evil.example"]
)
def test_an_address_elsewhere_becomes_the_front_page(wanted: str) -> None:
    assert URL("https://locations.example/").join(URL(own_path(wanted))).host == "locations.example"
