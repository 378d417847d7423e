"""A patient's words are found in the database and nowhere else (works when 8).

The main story and every kind of failure on real processes, with the broker under MONITOR; then
everything that anybody could read is searched for the patient.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx2
import pytest
from sqlalchemy import text
from sqlmodel import col

from crm.core.events import Delivery
from crm.core.models import metadata
from crm.core.news import CHANNEL
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.messaging.actions.connect import connect_twilio
from crm.web.csrf import SESSION_COOKIE
from tests.fakes.provider import ProviderStandIn
from tests.fakes.waiting import until
from tests.faults.processes import free_port
from tests.security.leaky import BREAKING
from tests.security.monitoring import Monitored
from tests.support.browsing import hidden_fields
from tests.support.houses import House
from tests.support.streams import listening

CHECKOUT = Path(__file__).parents[2]
NUMBER = "+12125550111"
PHONE, REFUSED = "+12125550193", "+12125550194"
NAME, EMAIL = "Zebulon Quuxmore", "zebulon.quuxmore@canary.example"
MESSAGE, REPLY = "my purple spleen aches", "Quuxreply about Thursday"

# Whatever of the patient could be recognised: folded, quoted, reversed, or part of it.
WORDS = (
    *("zebulon", "quuxmore", "purple spleen", "quuxreply", "555-0193", "555-0194"),
    *("5550193", "5550194", "3910555", "4910555"),
    *(form(words).lower() for words in (NAME, MESSAGE, REPLY) for form in (quote, quote_plus)),
)

# Where a patient's words are kept in plain, to be found by them; the rest is encrypted.
PLAIN = {("contacts", "name"), ("addresses", "value"), ("search_terms", "term")}


@dataclass
class Watched:
    """A running product, what it prints, what it tells the broker, and what it answered."""

    house: House
    provider: ProviderStandIn
    url: str
    output: Path
    broker: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def post(self, path: str, content: bytes, **headers: str) -> httpx2.Response:
        """Post something whose answer others could read too."""
        known = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = httpx2.post(self.url + path, content=content, headers=known, timeout=30)
        self.answers.append(f"{answer.headers} {answer.text}")
        return answer


def found(words: str) -> list[str]:
    """Return what of the patient stands in some text."""
    folded = words.lower()
    return [word for word in WORDS if word in folded]


@pytest.fixture
def provider() -> Iterator[ProviderStandIn]:
    """A provider that refuses one of the numbers with a 400 that names it."""
    with ProviderStandIn(refuse={REFUSED: 21211}, callbacks=True) as standing_in:
        yield standing_in


@pytest.fixture
def watched(
    house: House, settings: Settings, provider: ProviderStandIn, tmp_path: Path
) -> Iterator[Watched]:
    """The product as a process of its own, with the broker's commands written down."""
    house.do(connect_twilio, provider.account_sid, provider.auth_token, NUMBER)
    port, output = free_port(), tmp_path / "output.txt"
    watching = Watched(house, provider, f"http://127.0.0.1:{port}", output)
    with (
        Monitored(settings, watching.broker),
        output.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-m", "tests.security.leaky"],
            env=environment(house.runtime, port, provider.url),
            cwd=CHECKOUT,
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            until(lambda: _is_served(watching.url, process), seconds=60, every=0.1)
            yield watching
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def environment(runtime: Runtime, port: int, provider_url: str) -> dict[str, str]:
    """Return the settings of the process, with the clock of the test."""
    settings = runtime.settings
    assert settings.database_url is not None
    assert settings.redis_url is not None
    return {
        "PATH": os.environ["PATH"],
        "FRONTDESK_ENV": "demo",
        "FRONTDESK_DATA": str(settings.frontdesk_data),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "TWILIO_API_URL": provider_url,
        "CLOCK_OFFSET": f"PT{int(runtime.clock.offset.total_seconds())}S",
        "WORK_ATTEMPTS": "1",
        "DATABASE_POOL": "20",
    }


def _is_served(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the process ended"
    try:
        return httpx2.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def live_the_story(watched: Watched) -> str:
    """Ask, answer, be refused, and make everything fail; return the lead's page."""
    house, form = watched.house, f"/f/{watched.house.form_key}"
    page = httpx2.get(watched.url + form, timeout=30).text
    typed = {"name": NAME, "phone": PHONE, "email": EMAIL, "message": MESSAGE, "sms_care": "1"}
    sent = httpx2.post(watched.url + form, data={**hidden_fields(page), **typed}, timeout=30)
    assert sent.status_code == 303
    watched.answers.append(str(sent.headers))
    key = {"Authorization": f"Bearer {house.api_key}", "Content_Type": "application/json"}
    body = {"name": NAME, "phone": REFUSED, "message": MESSAGE, "consent": {"sms_care": True}}
    answer = watched.post(
        "/api/v1/appointment-requests",
        json.dumps(body).encode(),
        Idempotency_Key="a",
        **key,
    )
    assert answer.status_code == 202
    _await(watched, PHONE, "delivered")
    _await(watched, REFUSED, "failed")

    text_url = f"{watched.url}/webhooks/twilio/message"
    provider = watched.provider
    told = provider.text_in(text_url, sender=PHONE, to=NUMBER, body=REPLY, sid="SM" + "1" * 32)
    assert told == 200
    until(lambda: [one.exit_reason for one in house.enrollments()].count("replied") == 1)
    until(lambda: len(_dead(house)) == 2)
    _fail_in_every_way(watched, key)
    return _lead_page(watched)


def _fail_in_every_way(watched: Watched, key: dict[str, str]) -> None:
    words = f"{NAME} {PHONE} {EMAIL} {MESSAGE}".encode()
    assert watched.post("/webhooks/crash", words).status_code == 500
    assert watched.post("/webhooks/clash", words).status_code == 500
    forged = {"X_Twilio_Signature": "x", "Content_Type": "application/x-www-form-urlencoded"}
    lie = f"From={quote(PHONE)}&To={quote(NUMBER)}&Body={quote(REPLY)}&AccountSid=AC1".encode()
    assert watched.post("/webhooks/twilio/message", lie, **forged).status_code == 403
    wrong = {"name": NAME, "phone": f"{PHONE}99999999", "message": MESSAGE, NAME: REPLY}
    for number, bad in enumerate((json.dumps(wrong).encode(), words, json.dumps([NAME]).encode())):
        answer = watched.post(
            "/api/v1/appointment-requests", bad, Idempotency_Key=f"bad{number}", **key
        )
        assert answer.status_code == 422
        if number == 0:
            # The sender's own field name is told back to him, and to nobody else.
            watched.answers[-1] = watched.answers[-1].replace(NAME, "")
    # Addresses are told back to whoever asked for them; the log may not have them.
    for path in (f"/{NAME}", f"/leads/{NAME}", f"/f/{NAME}", f"/reset/{NAME}"):
        answer = httpx2.get(f"{watched.url}{path}", params={"q": NAME}, timeout=30)
        assert answer.status_code in (303, 404)


def _lead_page(watched: Watched) -> str:
    house = watched.house
    [lead_id] = {one.lead_id for one in house.enrollments() if one.exit_reason == "replied"}
    cookie = f"{SESSION_COOKIE}={house.signed_in().token}"
    page = httpx2.get(
        f"{watched.url}/leads/{lead_id}", headers={"Cookie": cookie, "Accept": "text/html"}
    )
    assert page.status_code == 200
    return page.text


def _await(watched: Watched, phone: str, status: str) -> None:
    def is_so() -> bool:
        return [one.row.status for one in watched.house.texts(phone)] == [status]

    until(is_so, seconds=60, every=0.1, what=f"a text is not {status}")


def _dead(house: House) -> Sequence[Delivery]:
    return house.all(Delivery, col(Delivery.dead_at).is_not(None))


def columns_with_words(house: House) -> dict[tuple[str, str], int]:
    """Return every column of the database that holds words of the patient, and how often."""
    patterns = [f"%{word}%" for word in WORDS]
    hits = {}
    with house.runtime.database.system() as system:
        for name, table in metadata.tables.items():
            for column in [one.name for one in table.columns]:
                statement = (
                    f"SELECT count(*) FROM {name}"
                    f' WHERE lower(CAST("{column}" AS text)) LIKE ANY(:patterns)'
                )
                asked: Any = system.session.execute(text(statement), {"patterns": patterns})
                if count := asked.scalar_one():
                    hits[(name, column)] = count
    return hits


def test_a_patients_words_are_in_the_database_only(watched: Watched) -> None:
    cookie = f"{SESSION_COOKIE}={watched.house.signed_in().token}"
    with listening(watched.url, cookie, "board", "tasks", "notices") as stream:
        page = live_the_story(watched)
        told = stream.rest()
    watched.answers.append(json.dumps(told))
    metrics = httpx2.get(f"{watched.url}/metrics", timeout=30).text
    house = watched.house

    # What is searched is there: the story happened, and everything failed that should.
    for words in (NAME, MESSAGE, REPLY, "Hi Zebulon"):
        assert words in page
    output = watched.output.read_text()
    for event in ("request.crashed", "work.failed", "webhook.refused", "request.answered"):
        assert event in output
    assert any("run_work" in command for command in watched.broker)
    assert any(CHANNEL in command for command in watched.broker)
    assert any("changed" in message for message in told)
    assert "frontdesk_work_dead" in metrics
    assert {one.consumer for one in _dead(house)} == {BREAKING}
    assert all(one.last_error and "ValueError" in one.last_error for one in _dead(house))

    assert found(output) == []
    assert found("\n".join(watched.broker)) == []
    assert found("\n".join(watched.answers)) == []
    assert found(metrics) == []
    assert found(page.partition("<title>")[2].partition("</title>")[0]) == []
    hits = columns_with_words(house)
    assert hits.keys() == PLAIN
