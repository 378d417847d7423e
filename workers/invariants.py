"""What must always be true of the rows; whatever is not, is logged by id and fails readiness."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import Select, select

from automations.campaigns.models import GOING, Campaign
from automations.models import Enrollment
from crm.core.events import Delivery
from crm.core.runtime import Job, Runtime
from crm.messaging.models import Communication

log = structlog.get_logger()

_SHOWN = 20
_SAID_FOR_SECONDS = 60.0


def _statements(now: datetime) -> dict[str, Select[Any]]:
    delivery: Any = Delivery.__table__  # type: ignore[attr-defined]
    sent: Any = Communication.__table__  # type: ignore[attr-defined]
    enrollment: Any = Enrollment.__table__  # type: ignore[attr-defined]
    campaign: Any = Campaign.__table__  # type: ignore[attr-defined]
    return {
        "delivery_undone_for_10_min": select(delivery.c.id).where(
            delivery.c.due_at <= now - timedelta(minutes=10)
        ),
        "sending_for_15_min": select(sent.c.id).where(
            sent.c.status == "sending", sent.c.taken_at <= now - timedelta(minutes=15)
        ),
        "live_enrollment_without_due_at": select(enrollment.c.id).where(
            enrollment.c.state == "live",
            enrollment.c.due_at.is_(None),
            enrollment.c.dead_at.is_(None),
        ),
        "campaign_under_way_without_due_at": select(campaign.c.id).where(
            campaign.c.state.in_(GOING),
            campaign.c.due_at.is_(None),
            campaign.c.dead_at.is_(None),
        ),
        "automated_send_without_consent": select(sent.c.id).where(
            sent.c.direction == "out",
            sent.c.message_class.in_(("care", "marketing")),
            sent.c.status.in_(("sending", "unconfirmed", "sent", "delivered", "undelivered")),
            sent.c.consent_id.is_(None),
        ),
    }


def broken(runtime: Runtime) -> dict[str, list[str]]:
    """Return the ids that break each invariant, a few of each; nothing when all hold."""
    found = {}
    with runtime.database.system() as system:
        for name, statement in _statements(system.now).items():
            ids = [str(row) for row in system.session.scalars(statement.limit(_SHOWN))]
            if ids:
                found[name] = ids
    return found


@dataclass
class _Answer:
    """What was found, and until when it is said again instead of looking anew."""

    broken: dict[str, list[str]] = field(default_factory=dict)
    until: float = 0.0


_answer = _Answer()


def lately_broken(runtime: Runtime) -> dict[str, list[str]]:
    """Return what was broken within the last minute: probes come often and these looks cost."""
    if monotonic() >= _answer.until:
        _answer.broken, _answer.until = broken(runtime), monotonic() + _SAID_FOR_SECONDS
    return _answer.broken


def check(runtime: Runtime) -> None:
    """Log every broken invariant with the ids that break it."""
    for name, ids in broken(runtime).items():
        log.error("invariant.broken", invariant=name, ids=ids)


CHECK = Job("invariants", 60, check)
