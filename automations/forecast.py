"""What those who are in a sequence are sent within the next hour and day, by the runner's own pass.

Who enters meanwhile is not foreseen, nor is who replies: it is the most that is sent to these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from automations.models import Automation, Enrollment
from automations.reading import with_groups
from automations.rehearsal import rehearse
from automations.subjects import Subject, read_facts
from automations.versions import definitions
from automations.walking import Standing
from crm.accounts.models import Clinic
from crm.core.uow import UnitOfWork
from crm.messaging.queries import in_language
from crm.messaging.rendering import preview
from crm.messaging.segments import measure

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_PEOPLE = 500
"""Of how many people one is told; of more, that there are more."""
MOST_STEPS = 200


@dataclass(frozen=True)
class Forecast:
    """How many messages leave within a span of time, and what their parts cost in USD."""

    messages: int
    parts: int
    price: Decimal | None


@dataclass(frozen=True)
class Outlook:
    """The next hour and day; `is_partial` where more people are in it than were looked at."""

    hour: Forecast
    day: Forecast
    is_partial: bool


def outlook(
    uow: UnitOfWork,
    automation_id: UUID,
    bodies: Mapping[str, Mapping[str, str]],
    price: Decimal | None,
) -> Outlook:
    """Return what the people in a sequence are sent soon; `price` is that of one part in USD."""
    rows = _due(uow, automation_id)
    soon = [
        (at, measured)
        for standing, due_at in _standings(uow, rows[:MOST_PEOPLE])
        for at, measured in _sent(standing, due_at, uow.now + DAY, bodies)
    ]
    return Outlook(
        hour=_sum([parts for at, parts in soon if at <= uow.now + HOUR], price),
        day=_sum([parts for _at, parts in soon], price),
        is_partial=len(rows) > MOST_PEOPLE,
    )


def _sum(parts: Sequence[int], price: Decimal | None) -> Forecast:
    return Forecast(len(parts), sum(parts), None if price is None else price * sum(parts))


def _due(uow: UnitOfWork, automation_id: UUID) -> Sequence[Any]:
    its = (col(Automation.clinic_id) == col(Enrollment.clinic_id)) & (
        col(Automation.id) == col(Enrollment.automation_id)
    )
    query: Any = select(Enrollment, col(Automation.name), col(Clinic.timezone))
    return uow.session.execute(
        query.join(Automation, its)
        .join(Clinic, col(Clinic.id) == col(Enrollment.clinic_id))
        .where(
            col(Enrollment.clinic_id) == uow.clinic_id,
            col(Enrollment.automation_id) == automation_id,
            col(Enrollment.state) == "live",
            col(Enrollment.due_at) <= uow.now + DAY,
            col(Enrollment.dead_at).is_(None),
            col(Enrollment.paused_at).is_(None),
        )
        .limit(MOST_PEOPLE + 1)
    ).all()


def _standings(uow: UnitOfWork, rows: Sequence[Any]) -> Sequence[tuple[Standing, datetime]]:
    subjects = {one.id: Subject(one.contact_id, one.lead_id) for one, _name, _zone in rows}
    facts = read_facts(uow, subjects.values())
    parsed = definitions(uow, {one.version_id for one, _name, _zone in rows})
    asked = {subjects[one.id]: set(parsed[one.version_id].needs) for one, _name, _zone in rows}
    known = with_groups(uow, facts, {one: asks for one, asks in asked.items() if one in facts})
    return [
        (
            Standing(
                id=one.id,
                automation_id=one.automation_id,
                automation_name=name,
                is_paused=False,
                definition=parsed[one.version_id],
                subject=subjects[one.id],
                facts=known[subjects[one.id]].since(one.entered_at),
                zone=ZoneInfo(zone),
                cause=(),
                step=one.step,
                occurrence=one.occurrence,
                last_step=one.last_step,
                hears_from=one.hears_from,
                listens=one.listens,
                until=one.listens_until,
            ),
            max(one.due_at, uow.now),
        )
        for one, name, zone in rows
        if subjects[one.id] in facts
    ]


def _sent(
    standing: Standing,
    due_at: datetime,
    until: datetime,
    bodies: Mapping[str, Mapping[str, str]],
) -> Sequence[tuple[datetime, int]]:
    """Return when somebody is sent something before an instant, and in how many parts."""
    found = []
    for number, step in enumerate(rehearse(standing, due_at)):
        if step.at > until or number >= MOST_STEPS:
            break
        for effect in step.taken.outcome.effects:
            template_id = getattr(effect, "template_id", None)
            if template_id is not None:
                words = in_language(bodies.get(str(template_id), {}), standing.facts.language)
                is_text = getattr(effect, "channel", "sms") == "sms"
                found.append((step.at, measure(preview(words)).parts if is_text else 0))
    return found
