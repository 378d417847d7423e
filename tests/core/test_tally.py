"""What is counted of a request: its queries, by whichever thread, and not the opening of them."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from uuid import UUID

from sqlmodel import col, select

from crm.accounts.models import Membership
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.tally import tallying, watch


def ask(runtime: Runtime, clinic: UUID, times: int) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        for _ in range(times):
            uow.session.scalars(select(col(Membership.id))).all()


def test_each_statement_counts_and_the_opening_of_a_transaction_does_not(
    runtime: Runtime, clinic: UUID
) -> None:
    watch(runtime.database.engine)
    with tallying() as tally:
        ask(runtime, clinic, 3)

    assert tally.queries == 3
    assert tally.asking > 0
    assert tally.rendering == 0


def test_a_thread_that_was_handed_the_work_counts_where_it_came_from(
    runtime: Runtime, clinic: UUID
) -> None:
    watch(runtime.database.engine)
    with tallying() as tally, ThreadPoolExecutor() as threads:
        threads.submit(copy_context().run, ask, runtime, clinic, 2).result()
        threads.submit(ask, runtime, clinic, 5).result()

    assert tally.queries == 2
