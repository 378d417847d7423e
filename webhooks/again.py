"""Stored webhooks are applied by a worker: those that SendGrid told, those that failed at first.

Each was proved to come from its provider before it was kept. What it does it does once, whatever
copies of it came meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Row

from crm.core.errors import N_
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work, assert_held
from webhooks import inbox, sendgrid, twilio

Apply = Callable[[UnitOfWork, Sequence[Row[Any]]], None]

PROVIDERS: Mapping[str, Apply] = {"twilio": twilio.apply_again, "sendgrid": sendgrid.apply}
"""What applies a provider's stored calls, in the order in which they came, and concludes them."""


def apply_stored(runtime: Runtime, claim: Claim) -> None:
    """Apply a chunk of one clinic's stored calls, in the order in which they came."""
    provider = Principal("provider")
    with runtime.database.transaction(claim.clinic_id, provider, step="webhooks") as uow:
        assert_held(uow.session, WEBHOOKS, claim, claim.ids)
        rows = inbox.kept(uow, claim.ids)
        for name, apply in PROVIDERS.items():
            if own := [row for row in rows if row.provider == name]:
                apply(uow, own)


WEBHOOKS = Work(
    "webhooks",
    "webhook_events",
    apply_stored,
    title=N_("Call of a provider"),
    what="t.provider || ' ' || t.kind",
)
