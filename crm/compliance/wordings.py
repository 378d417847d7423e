"""The words shown beside a consent: published once a version, kept exactly as shown (LAW-10).

The defaults hold what LAW-30 and LAW-31 ask for: who texts, what for, how often, that it may
cost, STOP, HELP, and that care does not depend on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from crm.compliance.models import About, ConsentWording, Purpose, Tier
from crm.core.bulk import among
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork

CARE: Mapping[str, str] = {
    "en": (
        "{clinic} may text me at this number about my request and my appointments, also with an"
        " automated system. Message frequency varies. Message and data rates may apply. Reply STOP"
        " to stop, HELP for help. I can get care without agreeing to this."
    ),
    "es": (
        "{clinic} puede enviarme mensajes de texto a este número sobre mi solicitud y mis citas,"
        " también con un sistema automático. La frecuencia de los mensajes varía. Pueden aplicarse"
        " tarifas de mensajes y datos. Responda STOP para dejar de recibirlos y HELP para pedir"
        " ayuda. Puedo recibir atención sin aceptar esto."
    ),
}
MARKETING: Mapping[str, str] = {
    "en": (
        "{clinic} may send me offers and news by text at this number, also with an automated"
        " system, up to 4 texts a month. Message and data rates may apply. Reply STOP to stop,"
        " HELP for help. Agreeing is not a condition of buying anything or of getting care."
    ),
    "es": (
        "{clinic} puede enviarme ofertas y novedades por mensaje de texto a este número, también"
        " con un sistema automático, hasta 4 mensajes al mes. Pueden aplicarse tarifas de mensajes"
        " y datos. Responda STOP para dejar de recibirlos y HELP para pedir ayuda. Aceptar no es"
        " condición para comprar nada ni para recibir atención."
    ),
}
EMAIL_OFFERS: Mapping[str, str] = {
    "en": (
        "{clinic} may send me offers and news by email, up to 4 a month. Each email has a link that"
        " ends them. Agreeing is not a condition of buying anything or of getting care."
    ),
    "es": (
        "{clinic} puede enviarme ofertas y novedades por correo electrónico, hasta 4 al mes. Cada"
        " correo lleva un enlace para dejar de recibirlos. Aceptar no es condición para comprar"
        " nada ni para recibir atención."
    ),
}
TIERS: Mapping[Purpose, Tier] = {"care": "express", "marketing": "written"}

_wordings: Any = ConsentWording.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Wording:
    """One version of the words of a consent."""

    id: UUID
    language: str
    purpose: str
    tier: str
    text: str
    version: str


def publish_wording(
    uow: UnitOfWork, language: str, purpose: About, tier: Tier, text: str
) -> Wording:
    """Return the version that holds exactly this text, published now if it is new."""
    version = version_of(text)
    uow.session.execute(
        insert(_wordings)
        .values(
            clinic_id=uow.clinic_id,
            id=new_id(),
            language=language,
            purpose=purpose,
            tier=tier,
            text=text,
            text_hash=version,
            created_at=uow.now,
        )
        .on_conflict_do_nothing()
    )
    [wording] = [
        wording
        for wording in find_wordings(uow, versions=[version]).values()
        if (wording.language, wording.purpose) == (language, purpose)
    ]
    return wording


def version_of(text: str) -> str:
    """Return the version of a wording: the SHA-256 of its text, in hex."""
    return sha256(text.encode()).hexdigest()


def default_text(clinic: str, language: str, purpose: Purpose) -> str:
    """Return the default words in the clinic's name."""
    texts = CARE if purpose == "care" else MARKETING
    return texts.get(language, texts["en"]).format(clinic=clinic)


def email_offers_text(clinic: str, language: str) -> str:
    """Return the words of the consent to offers by email, in the clinic's name."""
    return EMAIL_OFFERS.get(language, EMAIL_OFFERS["en"]).format(clinic=clinic)


def what_it_lacks(text: str, clinic: str) -> list[str]:
    """Return what the words of a consent must say and do not: who texts, STOP, HELP (LAW-30)."""
    folded = text.casefold()
    return [word for word in (clinic, "STOP", "HELP") if word.casefold() not in folded]


def default_wording(uow: UnitOfWork, clinic: str, language: str, purpose: Purpose) -> Wording:
    """Return the default words in the clinic's name, published if its name is new."""
    text = default_text(clinic, language, purpose)
    version = version_of(text)
    for wording in find_wordings(uow, versions=[version]).values():
        if (wording.language, wording.purpose) == (language, purpose):
            return wording
    return publish_wording(uow, language, purpose, TIERS[purpose], text)


def find_wordings(
    uow: UnitOfWork, *, ids: Iterable[UUID] = (), versions: Iterable[str] = ()
) -> dict[UUID, Wording]:
    """Return the clinic's wordings with these ids or versions, by id."""
    rows = uow.session.execute(
        select(
            _wordings.c.id,
            _wordings.c.language,
            _wordings.c.purpose,
            _wordings.c.tier,
            _wordings.c.text,
            _wordings.c.text_hash,
        ).where(
            _wordings.c.clinic_id == uow.clinic_id,
            or_(
                among(_wordings.c.id, sorted(set(ids))),
                among(_wordings.c.text_hash, sorted(set(versions))),
            ),
        )
    )
    return {row.id: Wording(*row) for row in rows}
