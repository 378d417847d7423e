"""Stored webhooks that could not be applied when they came are applied again, from what is kept.

Each was proved to come from its provider before it was kept. What it does it does once, whatever
copies of it came meanwhile.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.engine import Row

from crm.core.errors import N_
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work, assert_held
from webhooks import inbox, twilio

Again = Callable[[UnitOfWork, Row[Any], bytes], twilio.Applied]

PROVIDERS: Mapping[str, Again] = {"twilio": twilio.apply_again}


def apply_again(runtime: Runtime, claim: Claim) -> None:
    """Apply a chunk of one clinic's stored calls, in the order in which they came."""
    provider = Principal("provider")
    with runtime.database.transaction(claim.clinic_id, provider, step="webhooks") as uow:
        assert_held(uow.session, WEBHOOKS, claim, claim.ids)
        for row in inbox.kept(uow, claim.ids):
            outcome, ref_id = PROVIDERS[row.provider](uow, row, inbox.raw_of(uow, row))
            inbox.conclude(uow, row.id, outcome, ref_id)


WEBHOOKS = Work(
    "webhooks",
    "webhook_events",
    apply_again,
    limit=20,
    title=N_("Call of a provider"),
    what="t.provider || ' ' || t.kind",
)
