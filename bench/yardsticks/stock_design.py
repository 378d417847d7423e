"""Yardstick of PF-2: follow-up texts in the usual design.

One broker message a step, the ORM, the provider's SDK as it ships, a template compiled for each
text, and two commits: one before the call, one after it.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from jinja2 import Template
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, create_engine  # noqa: TID251 - the usual way
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bench.yardsticks.support import children, own_database, run_worker, show
from tests.fakes.provider import ProviderStandIn

QUEUE = "steps"
SENDER = "+12025550100"
BODY = (
    "Hi {{ contact.first_name }}, this is {{ clinic }}. We got your request"
    "{% if reason %} about {{ reason }}{% endif %}. When would suit you? Reply STOP to opt out."
)
_POLL_MS = 5
_WARM_UP = 100
_START = datetime(2026, 1, 1, tzinfo=UTC)


class Stock(SQLModel, registry=registry()):
    """Its own tables, apart from the product's."""


class Contact(Stock, table=True):
    """Who gets the text."""

    __tablename__: ClassVar[Any] = "contacts"
    id: int | None = Field(default=None, primary_key=True)
    first_name: str
    phone: str


class Enrollment(Stock, table=True):
    """Somebody's place in a sequence."""

    __tablename__: ClassVar[Any] = "enrollments"
    id: int | None = Field(default=None, primary_key=True)
    contact_id: int = Field(foreign_key="contacts.id", index=True)
    step: int = 0
    due_at: datetime = Field(index=True)


class SentText(Stock, table=True):
    """One text and what became of it."""

    __tablename__: ClassVar[Any] = "sent_texts"
    id: int | None = Field(default=None, primary_key=True)
    enrollment_id: int = Field(foreign_key="enrollments.id", index=True)
    body: str
    status: str
    sid: str | None = None


class MovedHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's own HTTP client, its requests sent to another host."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = urlsplit(base)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send one request."""
        path = urlsplit(url)
        moved = urlunsplit((self._base.scheme, self._base.netloc, path.path, path.query, ""))
        return super().request(method, moved, *args, **kwargs)


@dataclass(frozen=True)
class StockDesign:
    """Steps per second, from the first message sent to the last one acknowledged."""

    steps: int
    seconds: float
    rate: float


def measure(
    admin_url: str,
    redis_url: str,
    provider: ProviderStandIn,
    *,
    steps: int = 1_000,
    processes: int = 2,
) -> StockDesign:
    """Run so many due steps with so many worker processes of eight threads."""
    account = (provider.url, provider.account_sid, provider.auth_token)
    with (
        own_database(admin_url, "frontdesk_yardstick_stock") as url,
        _engine(url) as engine,
    ):
        _seed(engine, _WARM_UP + steps)
        broker, run_step = _declare(redis_url, engine, Client(*account[1:]))
        broker.flush(QUEUE)
        arguments = ["--database-url", url, "--redis-url", redis_url, "--provider", *account]
        with children(processes, "bench.yardsticks.stock_design", arguments):
            _send(broker, run_step, range(1, _WARM_UP + 1))
            begun = time.perf_counter()
            _send(broker, run_step, range(_WARM_UP + 1, _WARM_UP + steps + 1))
            seconds = time.perf_counter() - begun
        broker.client.close()
        _check(engine, _WARM_UP + steps)
    return StockDesign(steps, seconds, steps / seconds)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        yield engine
    finally:
        engine.dispose()


def _seed(engine: Engine, steps: int) -> None:
    Stock.metadata.create_all(engine)
    with Session(engine) as session:
        for number in range(1, steps + 1):
            phone = f"+1202{5550000 + number:07d}"
            session.add(Contact(id=number, first_name=f"Contact {number}", phone=phone))
        session.flush()
        for number in range(1, steps + 1):
            session.add(Enrollment(id=number, contact_id=number, due_at=_START))
        session.commit()


def _check(engine: Engine, steps: int) -> None:
    with engine.connect() as connection:
        sent = connection.execute(text("SELECT count(*) FROM sent_texts WHERE status = 'queued'"))
        if sent.scalar_one() != steps:
            raise RuntimeError("Not every step of the yardstick was sent.")


def _send(broker: RedisBroker, run_step: dramatiq.Actor[[int], None], ids: range) -> None:
    for number in ids:
        run_step.send(number)
    broker.join(QUEUE, interval=_POLL_MS, timeout=600_000)


def _declare(
    redis_url: str, engine: Engine, client: Client
) -> tuple[RedisBroker, dramatiq.Actor[[int], None]]:
    broker = RedisBroker(url=redis_url)  # type: ignore[no-untyped-call]

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def run_step(enrollment_id: int) -> None:
        """Send the text of one step, and set the next one."""
        with Session(engine) as session:
            _run_step(session, client, enrollment_id)

    return broker, run_step


def _run_step(session: Session, client: Client, enrollment_id: int) -> None:
    enrollment = session.get_one(Enrollment, enrollment_id)
    contact = session.get_one(Contact, enrollment.contact_id)
    body = Template(BODY).render(contact=contact, clinic="Harbor Dental", reason="a cleaning")
    kept = SentText(enrollment_id=enrollment_id, body=body, status="sending")
    session.add(kept)
    session.commit()
    sent = client.messages.create(to=contact.phone, from_=SENDER, body=body)
    kept.sid, kept.status = sent.sid, str(sent.status)
    enrollment.step += 1
    enrollment.due_at += timedelta(days=1)
    session.commit()


def main() -> None:
    """Measure, or be one of the worker processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", required=True, help="may create databases")
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--provider", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        url, sid, token = options.provider
        client = Client(sid, token, http_client=MovedHttpClient(url))
        with _engine(options.database_url) as engine:
            run_worker(_declare(options.redis_url, engine, client)[0])
    else:
        with ProviderStandIn() as provider:
            show(measure(options.database_url, options.redis_url, provider, steps=options.steps))


if __name__ == "__main__":
    main()
