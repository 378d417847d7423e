"""The database: who may open a transaction, as which role, for which clinic, at what time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import psycopg
from psycopg.pq import ConnStatus
from psycopg.pq.abc import PGconn
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session

from crm.core import killpoints, tally, tenancy
from crm.core.clock import Clock
from crm.core.crypto import Keyring
from crm.core.events import Subscriptions
from crm.core.floors import Floors
from crm.core.hand import own_hand
from crm.core.news import Announcement
from crm.core.principal import Principal
from crm.core.settings import Settings
from crm.core.uow import Doorbell, UnitOfWork

# The bounds travel with each transaction, so that they hold behind a pooler: a host that vanished
# must not keep an address locked, nor a STOP waiting for it. So does the zone: a day added to a
# time that is told in a zone with daylight saving is an hour long or short twice a year.
_OPEN = text(
    "SELECT set_config('role', :role, true), set_config('app.clinic_id', :clinic, true),"
    " set_config('app.door', :door, true), transaction_timestamp(),"
    " set_config('timezone', 'UTC', true),"
    " set_config('plan_cache_mode', :plans, true), set_config('enable_seqscan', :seqscan, true),"
    " set_config('lock_timeout', '10s', true), set_config('statement_timeout', '60s', true),"
    " set_config('idle_in_transaction_session_timeout', '120s', true)"
).execution_options(**{tally.OPENING: True})


Plans = Literal["auto", "force_custom_plan", "force_generic_plan"]
KEPT: Plans = "auto"
FRESH: Plans = "force_custom_plan"
"""Plan each statement anew. A table of waiting work is empty one moment and full the next: a plan
that was made and kept while it was empty reads the whole of it for each row when it is full."""
INDEXED: Plans = "force_generic_plan"
"""Plan each statement once a connection, and by indexes whatever the tables hold at that moment:
for large statements that look rows up by their ids, where planning costs more than the rest."""


def build_engine(settings: Settings, url: str) -> Engine:
    """Return an engine for the web or a worker: pooled, pre-pinged, with bounded waits."""
    engine = create_engine(
        url,
        pool_size=settings.database_pool // 2,
        max_overflow=settings.database_pool - settings.database_pool // 2,
        pool_timeout=10,
        # The connection used last knows the statements best.
        pool_use_lifo=True,
        # A parameter may be a patient's word, and errors are printed.
        hide_parameters=True,
        connect_args={
            "prepare_threshold": settings.prepare_threshold,
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    )
    event.listen(engine, "checkout", _assert_open)
    return engine


def _assert_open(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """Replace a pooled connection whose server is gone: read, without a question, what it said."""
    wire: PGconn = connection.pgconn
    try:
        wire.consume_input()  # Its last words, if it said any,
        wire.consume_input()  # and only then the end of the file.
    except psycopg.Error:
        raise DisconnectionError from None
    if wire.status != ConnStatus.OK:
        raise DisconnectionError


@dataclass
class System:
    """A transaction over all clinics: for claiming and counting due work only."""

    session: tenancy.WalledSession
    now: datetime
    floors: Floors | None = None


class Database:
    """Opens transactions; only this class commits."""

    def __init__(
        self,
        engine: Engine,
        *,
        subscriptions: Subscriptions,
        keyring: Keyring,
        doorbell: Doorbell,
        clock: Clock,
    ) -> None:
        self.engine = engine
        self.subscriptions = subscriptions
        self.keyring = keyring
        self.doorbell = doorbell
        self.clock = clock
        self.floors: Floors | None = None

    @contextmanager
    def transaction(
        self, clinic_id: UUID, principal: Principal, *, step: str = "", plans: Plans = KEPT
    ) -> Iterator[UnitOfWork]:
        """Open one transaction of one clinic; commit at its end, then ring and tell.

        Whatever is raised inside rolls everything back and is raised again. `step` names it for
        the kill points of fault tests.
        """
        clinic = str(clinic_id)
        with self._session(tenancy.APP_ROLE, clinic=clinic, plans=plans) as (session, now):
            tenancy.guard(session, clinic_id)
            uow = UnitOfWork(session, clinic_id, principal, now, self.subscriptions, self.keyring)
            uow.hand = own_hand()
            yield uow
            uow.finish()
            killpoints.reached(f"{step}.before_commit")
            session.commit()
        killpoints.reached(f"{step}.after_commit")
        if uow.hand is not None and uow.in_hand:
            uow.hand.keep(clinic_id, uow.in_hand, now + uow.hand.lease)
        for (kind, queue), ids in uow.rings.items():
            self.doorbell.ring(kind, ids, queue)
        if uow.news:
            self.doorbell.tell(Announcement.of(clinic_id, uow.news, uow.client_id))

    @contextmanager
    def system(self) -> Iterator[System]:
        """Open a transaction over all clinics. For workers and the operator's command line."""
        with self._session(tenancy.SYSTEM_ROLE, plans=FRESH) as (session, now):
            yield System(session, now, self.floors)
            session.commit()

    @contextmanager
    def visitor(self, key_hash: str) -> Iterator[Session]:
        """Open a read of the doors that this key opens, before any clinic is known."""
        with self._session(tenancy.APP_ROLE, door=key_hash) as (session, _):
            yield session
            # Not rolled back, for then the driver forgets every statement that it has prepared.
            session.commit()

    @contextmanager
    def _session(
        self, role: str, *, clinic: str = "", door: str = "", plans: Plans = KEPT
    ) -> Iterator[tuple[tenancy.WalledSession, datetime]]:
        with tenancy.WalledSession(self.engine, autoflush=False, expire_on_commit=False) as session:
            given = {"role": role, "clinic": clinic, "door": door, "plans": plans}
            given["seqscan"] = "off" if plans == INDEXED else "on"
            opened = session.execute(_OPEN, given).one()
            yield session, opened[3] + self.clock.offset
