"""Late and dead work is seen, whatever lost its ring, and by its own clinic only."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm.core import backlog
from crm.core.deliveries import DELIVERIES
from crm.core.events import Event, Subscriptions, consumes
from crm.core.ids import new_id
from crm.core.performing import is_transient
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime


class Rung(Event):
    """A fact whose ring gets lost."""

    name = "test.rung"


def test_what_lost_its_ring_is_late_and_only_in_its_clinic(
    runtime: Runtime, clinic: UUID, other_clinic: UUID
) -> None:
    runtime.database.subscriptions = Subscriptions(
        [consumes(Rung, name="test.unheard")(lambda uow, events: None)]
    )
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.emit(Rung(order_key=new_id()))
    runtime.clock.advance(hours=3)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        [late] = backlog.stuck(uow.session, [DELIVERIES], uow.clinic_id, uow.now)
        assert late.dead_at is None
    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        assert backlog.stuck(uow.session, [DELIVERIES], uow.clinic_id, uow.now) == []


def test_a_dead_text_is_counted_under_one_kind_only(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.system() as system:
        depths = backlog.depths(system, runtime.work.values())
    kinds = {depth.kind: depth.dead for depth in depths}
    assert kinds == dict.fromkeys(runtime.work, 0)
    shared = [work for work in runtime.work.values() if work.table == "communications"]
    assert len({work.of for work in shared}) == len(shared)


def test_every_transaction_has_its_bounds(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        shown = [
            uow.session.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        ]
    assert shown == ["10s", "1min", "2min"]


class Refusal(Exception):
    """What a driver raises, with PostgreSQL's code."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def test_only_passing_weather_is_repeated_uncounted() -> None:
    def fault(sqlstate: str | None) -> OperationalError:
        return OperationalError("SELECT 1", {}, Refusal(sqlstate))

    assert is_transient(PoolTimeout())
    for passing in ("40P01", "40001", "08006", "57P01", None):
        assert is_transient(fault(passing)), passing
    for lasting in ("54000", "57014", "53100"):
        assert not is_transient(fault(lasting)), lasting
