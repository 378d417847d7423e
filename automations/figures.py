"""What came of each step: how many messages were sent, delivered or lost, and what followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, and_, cast, false, func, select

from automations.building.reading import Opened
from automations.building.tree import definition_of, draft_of
from automations.definitions import parse
from automations.enrollments import ORIGIN
from automations.models import Enrollment
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication
from pipelines.models import Lead

LAST = 500
"""Of how many people the figures tell: those who entered the live version last."""

_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Figures:
    """What came of one step that sends, for the last people who entered.

    `failed` counts what did not arrive or was not allowed, `held` what still waits. Those for whom
    this step's message was the last that left: `replied` wrote after it, `opted_out` ended the
    sequence so, and the leads of `booked` are booked or won by now.
    """

    sent: int = 0
    delivered: int = 0
    failed: int = 0
    held: int = 0
    replied: int = 0
    booked: int = 0
    opted_out: int = 0


def figures_of(uow: UnitOfWork, opened: Opened) -> Mapping[str, Figures]:
    """Return the figures of the live version's steps, by the ids of the parts of the draft."""
    if opened.live is None or opened.live_id is None or opened.based_on != opened.number:
        return {}
    plain, keys = definition_of(draft_of(opened.live))
    rows = uow.session.execute(_counted(uow, opened.live_id))
    by_place = {row.place: row for row in rows}
    return {
        keys[place.path]: Figures(*(int(value or 0) for value in by_place[place.position][1:]))
        for place in parse(plain).program
        if place.position in by_place
    }


def _counted(uow: UnitOfWork, version_id: Any) -> Any:
    """Count the messages of the last people by the place at which each was sent."""
    each = _messages(uow, version_id).subquery("each")
    is_sent = each.c.status.in_(("sent", "delivered"))
    is_held = and_(each.c.status == "queued", each.c.held_reason.is_not(None))
    return select(
        each.c.place,
        func.count().filter(is_sent),
        func.count().filter(each.c.status == "delivered"),
        func.count().filter(each.c.status.in_(("failed", "blocked", "undelivered"))),
        func.count().filter(is_held),
        func.count().filter(each.c.is_replied),
        func.count().filter(each.c.is_booked),
        func.count().filter(each.c.is_opted_out),
    ).group_by(each.c.place)


def _messages(uow: UnitOfWork, version_id: Any) -> Any:
    """Return the select of what the last people were sent; a key is `<enrollment>:<place>:<n>`.

    Whoever replied, booked or opted out, did so after the last message that left.
    """
    c, said = _enrollments.c, _communications.c
    last = (
        select(c.clinic_id, c.id, c.lead_id, c.exit_reason)
        .where(c.clinic_id == uow.clinic_id, c.version_id == version_id)
        .order_by(c.id.desc())
        .limit(LAST)
        .subquery("last")
    )
    its = and_(
        said.clinic_id == last.c.clinic_id,
        said.origin_kind == ORIGIN,
        said.origin_id == last.c.id,
    )
    left = said.status.in_(("sent", "delivered"))
    newest = func.row_number().over(partition_by=last.c.id, order_by=(left.desc(), said.id.desc()))
    is_last = and_(newest == 1, left)
    has_opted_out = func.coalesce(last.c.exit_reason == "opted_out", false())
    lead = and_(_leads.c.clinic_id == last.c.clinic_id, _leads.c.id == last.c.lead_id)
    columns = (
        cast(func.split_part(said.dedupe_key, ":", 2), Integer).label("place"),
        *(said.status, said.held_reason),
        and_(is_last, ~has_opted_out, _is_answered()).label("is_replied"),
        and_(is_last, _leads.c.stage_kind.in_(("booked", "won"))).label("is_booked"),
        and_(is_last, has_opted_out).label("is_opted_out"),
    )
    return select(*columns).select_from(last.join(_communications, its).outerjoin(_leads, lead))


def _is_answered() -> Any:
    """Say whether something came in from a message's address after it left."""
    said, answer = _communications.c, _communications.alias("answer")
    return (
        select(answer.c.id)
        .where(
            answer.c.clinic_id == said.clinic_id,
            answer.c.address_id == said.address_id,
            answer.c.direction == "in",
            answer.c.created_at >= func.coalesce(said.taken_at, said.created_at),
        )
        .correlate(_communications)
        .exists()
    )
