"""The words of a text or email as it leaves: filled in, the clinic named, the way out told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from crm.core.crypto import Undecipherable
from crm.core.performing import describe
from crm.core.uow import UnitOfWork
from crm.messaging import rendering
from crm.messaging.actions.queuing import TEST
from crm.messaging.channels.base import Mail
from crm.messaging.composing import complete, merge_values
from crm.messaging.emails import layout
from crm.messaging.emails.ways_out import address, way_out
from crm.messaging.facts import Candidate
from crm.messaging.grammar import TemplateRefused
from crm.web import formats
from crm.web.language import gettext

log = structlog.get_logger()


class Unsayable(Exception):
    """This text has no words that could leave; `reason` is the code that explains it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Said:
    """What leaves: the words, and what an email has besides them."""

    body: str = field(repr=False)
    mail: Mail | None = None


def words(uow: UnitOfWork, candidate: Candidate, base_url: str) -> Said:
    """Return the text or email as it leaves. Raises Unsayable, whatever is wrong with it."""
    try:
        if candidate.row.channel == "email":
            return _email(uow, candidate, base_url)
        return Said(_text(uow, candidate))
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


def _text(uow: UnitOfWork, candidate: Candidate) -> str:
    said = _marked(candidate, _completed(candidate, _body(uow, candidate)))
    if len(said.encode("utf-16-le")) // 2 > rendering.TEXT_LIMIT:
        raise Unsayable("text_too_long")
    return said


def _email(uow: UnitOfWork, candidate: Candidate, base_url: str) -> Said:
    row = candidate.row
    language, source = _source(row, row.bodies)
    subject = (row.subjects or {}).get(language, "")
    if not (source and subject):
        raise Unsayable("no_words")
    values = _values(uow, candidate)
    message_class = row.template_class if row.origin_kind == TEST else row.message_class
    is_essential = message_class in layout.ESSENTIAL
    token = None if is_essential else way_out(uow, row.id)
    email = layout.compose(
        _marked(candidate, rendering.compile(subject).render(values)),
        rendering.compile(source).render(values, rendering.EMAIL_LIMIT),
        _letterhead(row),
        message_class=message_class,
        language=language,
        unsubscribe_url=address(base_url, token, language) if token else None,
        links=layout.links_of(source),
    )
    unsubscribe_url = address(base_url, token) if token else None
    return Said(email.text, Mail(email.subject, email.html, row.clinic_name, unsubscribe_url))


def _letterhead(row: Any) -> layout.Letterhead:
    phone = formats.phone(row.clinic_phone, row.region) if row.clinic_phone else None
    return layout.Letterhead(row.clinic_name, row.postal_address, phone)


def _body(uow: UnitOfWork, candidate: Candidate) -> str:
    row = candidate.row
    # A template comes first: after a resend `body` holds what it once said.
    if row.template_version_id is not None:
        _language, source = _source(row, row.bodies)
        body = rendering.compile(source).render(_values(uow, candidate)) if source else ""
    else:
        body = uow.decrypt(row.id, row.body) if row.body else ""
    if not body:
        raise Unsayable("no_words")
    return body


def _source(row: Any, bodies: Mapping[str, str] | None) -> tuple[str, str]:
    """Return the template in the person's language, else in the clinic's, else in any."""
    written = {language: source for language, source in (bodies or {}).items() if source}
    for language in (row.language, row.clinic_language, *sorted(written)):
        if language in written:
            return language, written[language]
    return row.clinic_language, ""


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
        is_automated=candidate.facts.is_automated or row.origin_kind == TEST,
    )


def _marked(candidate: Candidate, words: str) -> str:
    """Return words or a subject, of a test with the mark that it is one."""
    row = candidate.row
    if row.origin_kind != TEST:
        return words
    mark = gettext(row.language or row.clinic_language, "TEST")
    return f"{mark}: {words}"
