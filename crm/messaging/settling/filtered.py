"""Templates whose words carriers filter: paused at more than 1 % of their last 200 texts (TW-44).

A version of a template is counted, for it is the words that are filtered: new words start anew.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, update

from crm.core.bulk import among
from crm.core.uow import UnitOfWork
from crm.messaging.actions.setup import TEMPLATE_PAUSED
from crm.messaging.events import TemplatePaused
from crm.messaging.models import Communication, Template
from crm.privacy.actions import audit

FILTERED = "30007"
LOOKED_AT = 200
"""How many of a template's latest texts are counted."""

MOST = LOOKED_AT // 100
"""How many of them may be filtered."""

_texts: Any = Communication.__table__  # type: ignore[attr-defined]
_templates: Any = Template.__table__  # type: ignore[attr-defined]
log = structlog.get_logger()


def watch(uow: UnitOfWork, text_ids: Sequence[UUID]) -> None:
    """Pause the templates of these texts, which were filtered, if it happens too often."""
    for version_id in _versions_of(uow, text_ids):
        if _filtered_lately(uow, version_id) > MOST:
            _pause(uow, version_id)


def _versions_of(uow: UnitOfWork, text_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return the versions that these texts spoke, in id order."""
    if not text_ids:
        return []
    return uow.session.scalars(
        select(_texts.c.template_version_id)
        .where(
            _texts.c.clinic_id == uow.clinic_id,
            among(_texts.c.id, list(text_ids)),
            _texts.c.template_version_id.is_not(None),
        )
        .order_by(_texts.c.template_version_id)
        .distinct()
    ).all()


def _filtered_lately(uow: UnitOfWork, version_id: UUID) -> int:
    latest = (
        select(_texts.c.error_code)
        .where(
            _texts.c.clinic_id == uow.clinic_id,
            _texts.c.template_version_id == version_id,
            _texts.c.taken_at.is_not(None),
        )
        .order_by(_texts.c.id.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    count: int = uow.session.execute(
        select(func.count()).where(latest.c.error_code == FILTERED)
    ).scalar_one()
    return count


def _pause(uow: UnitOfWork, version_id: UUID) -> None:
    """Pause what a template says now, and tell of it once: who comes second finds it paused."""
    paused = uow.session.execute(
        update(_templates)
        .where(
            _templates.c.clinic_id == uow.clinic_id,
            _templates.c.version_id == version_id,
            _templates.c.paused_version_id.is_distinct_from(version_id),
        )
        .values(paused_version_id=version_id, paused_at=uow.now)
        .returning(_templates.c.id)
    ).first()
    if paused is not None:
        uow.emit(TemplatePaused(order_key=paused.id, template_id=paused.id, version_id=version_id))
        audit(uow, TEMPLATE_PAUSED, "template", paused.id, code=FILTERED)
        log.error("template.paused", template_id=str(paused.id), code=FILTERED)
