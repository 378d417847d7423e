"""Pages: what they show around their content, in two languages, and how they follow a write."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from uuid import UUID

import pytest
from starlette.responses import Response
from starlette.testclient import TestClient

from crm.web import formats
from crm.web.htmx import Undo, toast
from crm.web.language import _, best_language, gettext, ngettext, speaking
from crm.web.pages import own_path
from crm.web.static import FOLDERS
from tests.web.conftest import CLINIC

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday


def test_a_page_has_its_frame(client: TestClient) -> None:
    html = client.get("/page").text
    for part in ("Bright Smile", "Front desk", "Demo", 'href="#content"', 'aria-current="page"'):
        assert part in html
    assert 'action="/sign-out"' in html
    assert "Sign out" in html
    assert 'action="/language"' in html
    assert " style=" not in html
    assert not re.search(r'<script(?! src="/static/[^"]+"( defer)?></script>)', html)


def test_a_pages_scripts_send_what_its_forms_send(client: TestClient) -> None:
    html = client.get("/page").text
    [headers] = re.findall(r"hx-headers='([^']*)'", html)
    sent = json.loads(unescape(headers))
    assert f'name="csrf_token" value="{sent["X-CSRF-Token"]}"' in html
    assert UUID(sent["X-Clinic-Id"]) == CLINIC


def test_a_toast_says_what_was_done_and_how_to_undo_it() -> None:
    said = "Movida a «Contactada» 🦷"
    undo = Undo("/leads/1/move", {"version": 3, "reason": None}, seconds=5)
    trigger = toast(Response(), said, undo=undo).headers["HX-Trigger"]
    assert trigger.isascii()
    expected = {"url": "/leads/1/move", "values": {"version": "3"}, "seconds": 5}
    assert json.loads(trigger) == {"toast": {"message": said, "tone": "good", "undo": expected}}


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ana María Díaz", "AD"), ("Li", "L"), ("  ", "?"), ("🦷 Jo", "J"), ("ñu (x) b", "ÑB")],
)
def test_initials(name: str, letters: str) -> None:
    assert formats.initials(name) == letters


def test_the_language_is_asked_for_chosen_or_wished(client: TestClient) -> None:
    assert "Cerrar sesión" in client.get("/page?lang=es").text
    assert "Cerrar sesión" in client.get("/page", headers={"Accept-Language": "es"}).text
    token = client.get("/page").text.split('name="csrf_token" value="')[1].split('"')[0]
    switched = client.post(
        "/language",
        data={"language": "es", "back": "/page", "csrf_token": token},
        headers={"Origin": "https://testserver"},
    )
    assert (switched.status_code, switched.headers["location"]) == (303, "/page")
    assert "Cerrar sesión" in client.get("/page").text
    assert "Sign out" in client.get("/page?lang=en").text


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "/\\evil", "", "/a\n"]
)
def test_the_switch_leads_nowhere_else(address: str) -> None:
    assert own_path(address) == "/"


def test_one_block_of_a_page_can_be_rendered_alone(client: TestClient) -> None:
    assert client.get("/part").text == '<b id="region">Sign out</b>'


def test_a_write_leads_on_and_the_next_page_says_so_once(browser: TestClient) -> None:
    written = browser.post("/write")
    assert written.status_code == 303
    assert written.headers["location"].startswith("/things/")
    assert "It is done." in browser.get("/page").text
    assert "It is done." not in browser.get("/page").text


def test_a_forged_flash_says_nothing(client: TestClient) -> None:
    client.cookies.set("__Host-flash", "WyJmb3JnZWQiLCJnb29kIl0.x", domain="testserver.local")
    page = client.get("/page")
    assert page.status_code == 200
    assert "forged" not in page.text


def test_a_refused_form_is_shown_again_with_its_input(client: TestClient) -> None:
    page = client.post("/f/form", data={"name": "<b>" + "a" * 5000})
    assert page.status_code == 422
    assert 'value="&lt;b&gt;aaa' in page.text
    assert 'aria-describedby="name-error" aria-invalid="true"' in page.text
    assert "at most 5000 characters" in page.text
    assert client.post("/f/form", data={}).status_code == 422


@pytest.mark.parametrize("body", [b"name=%00", b"name=a%00b", b"name=%FF", b"x" * 3000])
def test_a_form_that_cannot_be_stored_is_refused_and_not_a_crash(
    client: TestClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/f/form", content=body, headers=headers)
    assert answer.status_code == 422


def test_a_broken_multipart_form_is_refused(client: TestClient) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = client.post("/f/form", content=b"--y\r\n\xff", headers={"Content-Type": kind})
        assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    ("moment", "english", "spanish"),
    [
        (datetime(2026, 11, 20, 15, 42, tzinfo=UTC), "10:42 am", "10:42"),
        (datetime(2026, 11, 17, 21, 5, tzinfo=UTC), "Tue 4:05 pm", "mar 16:05"),
        (datetime(2026, 11, 15, 21, 5, tzinfo=UTC), "Nov 15", "15 nov"),
        (datetime(2025, 11, 20, 21, 5, tzinfo=UTC), "Nov 20, 2025", "20 nov 2025"),
        (datetime(2026, 11, 21, 4, 59, tzinfo=UTC), "11:59 pm", "23:59"),
    ],
)
def test_times_are_as_long_as_they_need_to_be(moment: datetime, english: str, spanish: str) -> None:
    zone = "America/New_York"
    assert f">{english}</time>" in formats.when(moment, zone, NOW)
    with speaking("es"):
        assert f">{spanish}</time>" in formats.when(moment, zone, NOW)


def test_a_time_says_exactly_when_on_hover() -> None:
    shown = formats.when(datetime(2026, 3, 2, 14, 0, tzinfo=UTC), "America/New_York", NOW)
    assert 'datetime="2026-03-02T09:00:00-05:00"' in shown
    assert 'title="Monday, March 2, 2026, 9:00 am EST"' in shown
    with pytest.raises(ValueError, match="without a zone"):
        formats.when(datetime(2026, 3, 2, 14, 0), "UTC", NOW)  # noqa: DTZ001 - the naive one


@pytest.mark.parametrize(
    ("seconds", "english", "spanish"),
    [
        (0, "0:00", "0:00"),
        (396, "6:36", "6:36"),
        (-1, "late 0:01", "atrasado 0:01"),
        (3_600, "1 h 0 m", "1 h 0 min"),
        (-4_320, "late 1 h 12 m", "atrasado 1 h 12 min"),
        (172_800, "2 d", "2 d"),
    ],
)
def test_how_long_is_left(seconds: int, english: str, spanish: str) -> None:
    assert formats.time_left(seconds) == english
    with speaking("es"):
        assert formats.time_left(seconds) == spanish


def test_phones_and_money() -> None:
    assert formats.phone("+12125550142") == "(212) 555-0142"
    assert formats.phone("+442079460958") == "+44 20 7946 0958"
    assert formats.phone("+442079460958", "GB") == "020 7946 0958"
    assert formats.phone("unknown") == "unknown"
    assert formats.money(480_000) == "$4,800"
    assert formats.money(480_050) == "$4,800.50"
    assert formats.money(35_600_000) == '<span title="$356,000">$356K</span>'


def test_money_is_the_same_in_spanish() -> None:
    with speaking("es"):
        assert formats.money(480_050) == "$4,800.50"
        assert formats.money(35_600_000) == '<span title="$356,000">$356\xa0K</span>'
        assert formats.small_money(Decimal("0.0083")) == "$0.0083"
        assert formats.amount(480_000) == "4,800"


def test_plurals_and_placeholders() -> None:
    assert ngettext("%(num)s lead", "%(num)s leads", 1) == "1 lead"
    assert ngettext("%(num)s lead", "%(num)s leads", 2) == "2 leads"
    assert _("Send at most %(limit)s KB.", limit=64) == "Send at most 64 KB."
    assert gettext("es", "Send at most %(limit)s KB.", limit=64) == "Envíe como máximo 64 KB."
    assert gettext("es", "") == ""


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es-MX,en;q=0.8", "es"),
        ("fr, es;q=0.4, en;q=0.5", "en"),
        ("es;q=0", "en"),
        ("", "en"),
        ("es;q=x", "en"),
        ("*", "en"),
    ],
)
def test_the_browsers_wish(header: str, language: str) -> None:
    assert best_language(header) == language


FOLDER = FOLDERS[1]


def test_the_patients_css_is_small() -> None:
    assert len((FOLDER / "public.css").read_bytes()) <= 15_000


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * one for one in digits) if len(digits) == 3 else digits
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _schemes(path: Path) -> list[dict[str, str]]:
    """Return the colours of the light and of the dark scheme by name."""
    blocks = re.split(r"(?:^|\n) *(?::root|\[data-bs-theme)[^{]*\{", path.read_text())[1:3]
    return [dict(re.findall(r"--([\w-]+): (#\w+);", block.split("}")[0])) for block in blocks]


@pytest.mark.parametrize("sheet", ["app.css", "public.css"])
def test_text_has_enough_contrast_in_light_and_dark(sheet: str) -> None:
    pairs = [("text", "page"), ("text", "card"), ("muted", "page"), ("muted", "card")]
    pairs += [("brand", "card"), ("brand-strong", "card"), ("on-brand", "brand"), ("red", "card")]
    pairs += [("on-brand", "brand-strong"), ("text", "red-tint")]
    if sheet == "app.css":
        tones = ("green", "yellow", "red", "purple")
        pairs += [(tone, f"{tone}-tint") for tone in tones] + [("brand", "tint"), ("text", "tint")]
        pairs += [("text", "grey-tint"), ("muted", "grey-tint"), ("card", "red")]
    for scheme in _schemes(FOLDER / sheet):
        for ink, ground in pairs:
            assert _contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground)
        assert _contrast(scheme["edge"], scheme["card"]) >= 3
