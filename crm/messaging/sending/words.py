"""The words of a text as it leaves: its template filled in, the clinic named, the way out told."""

import json
from collections.abc import Mapping
from typing import Any

import structlog

from crm.core.crypto import Undecipherable
from crm.core.performing import describe
from crm.core.uow import UnitOfWork
from crm.messaging import rendering
from crm.messaging.composing import complete, merge_values
from crm.messaging.facts import Candidate
from crm.messaging.grammar import TemplateRefused

log = structlog.get_logger()


class Unsayable(Exception):
    """This text has no words that could leave; `reason` is the code that explains it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def words(uow: UnitOfWork, candidate: Candidate) -> str:
    """Return the text as it leaves. Raises Unsayable, whatever is wrong with it."""
    try:
        body = _body(uow, candidate)
        said = _completed(candidate, body)
    except rendering.MissingValue as missing:
        raise Unsayable(f"missing_value:{missing.name}") from None
    except rendering.TextTooLong:
        raise Unsayable("text_too_long") from None
    except (TemplateRefused, Undecipherable):
        raise Unsayable("unreadable") from None
    except Unsayable:
        raise
    except Exception as fault:
        # One text's fault is its own: the others of its chunk leave.
        log.error("communication.unsayable", id=str(candidate.id), error=describe(fault))
        raise Unsayable("unreadable") from None
    if len(said.encode("utf-16-le")) // 2 > rendering.TEXT_LIMIT:
        raise Unsayable("text_too_long")
    return said


def _body(uow: UnitOfWork, candidate: Candidate) -> str:
    row = candidate.row
    # A template comes first: after a resend `body` holds what it once said.
    if row.template_version_id is not None:
        source = _source(row)
        body = rendering.compile(source).render(_values(uow, candidate)) if source else ""
    else:
        body = uow.decrypt(row.id, row.body) if row.body else ""
    if not body:
        raise Unsayable("no_words")
    return body


def _source(row: Any) -> str:
    """Return the template in the person's language, else in the clinic's, else in any."""
    bodies: Mapping[str, str] = row.bodies or {}
    for language in (row.language, row.clinic_language):
        if bodies.get(language):
            return bodies[language]
    return next((bodies[name] for name in sorted(bodies) if bodies[name]), "")


def _values(uow: UnitOfWork, candidate: Candidate) -> dict[str, object]:
    row = candidate.row
    own = json.loads(uow.decrypt(row.id, row.merge_values)) if row.merge_values else {}
    known = merge_values(row.contact_name, row.clinic_name, row.clinic_phone)
    return {**known, **candidate.known, **own}


def _completed(candidate: Candidate, body: str) -> str:
    row = candidate.row
    if row.message_class == "system":
        return body
    return complete(
        body,
        row.clinic_name,
        row.language or row.clinic_language,
        is_first=not row.was_texted,
        is_automated=candidate.facts.is_automated,
    )
