"""The words of a text as it leaves: its template filled in, the clinic named, the way out told."""

import json
from collections.abc import Mapping
from typing import Any

import structlog

from crm.core.crypto import Undecipherable
from crm.core.performing import describe
from crm.core.uow import UnitOfWork
from crm.messaging import rendering
from crm.messaging.facts import Candidate
from crm.messaging.grammar import TemplateRefused
from crm.web.language import gettext

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
        said = _complete(candidate, body)
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
    first, _, last = (row.contact_name or "").strip().partition(" ")
    own = json.loads(uow.decrypt(row.id, row.merge_values)) if row.merge_values else {}
    return {
        "first_name": first,
        "last_name": last.strip(),
        "clinic_name": row.clinic_name,
        "clinic_phone": row.clinic_phone,
        **candidate.known,
        **own,
    }


def _complete(candidate: Candidate, body: str) -> str:
    """Name the clinic in every automated text, and tell the way out in the first (LAW-31, 34)."""
    row = candidate.row
    if row.message_class == "system":
        return body
    is_first = not row.was_texted
    if (candidate.facts.is_automated or is_first) and not _names(body, row.clinic_name):
        body = f"{row.clinic_name}: {body}"
    if is_first and not ("STOP" in body and "HELP" in body):
        body = f"{body}\n\n{_way_out(row.language or row.clinic_language)}"
    return body


def _names(body: str, clinic_name: str) -> bool:
    return clinic_name.casefold() in body.casefold()


def _way_out(language: str) -> str:
    return gettext(
        language,
        "Reply STOP to opt out, HELP for help. Msg frequency varies. Msg & data rates may apply.",
    )
