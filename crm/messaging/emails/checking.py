"""What an email's template may say: an email is read on lock screens and by its provider (LAW-53).

No provider of emails is known to sign for health data, so an email holds none (LAW-54): its subject
names the clinic and nobody else, and no word that tells of an illness or a treatment (SG-3). A body
may name the person, and never what they asked for; of clinical words in it staff are warned.
"""

import re
import unicodedata
from collections.abc import Mapping

from crm.core.errors import N_
from crm.messaging import rendering
from crm.messaging.grammar import WHOLE, TemplateRefused
from crm.messaging.rendering import MERGE_FIELDS
from crm.web.language import _

SUBJECT_LIMIT = 150
"""Characters of a subject's source: more of one is shown nowhere."""

NAMES_NOBODY = N_(
    "Take “%(name)s” out of the subject: others may read it. It may name the clinic, nobody else."
)
TELLS_NOTHING = N_(
    "Take “%(word)s” out of the subject: others may read it, and it tells of an illness or"
    " treatment."
)

SUBJECT_FIELDS = frozenset({"clinic_name"})
BODY_FIELDS = MERGE_FIELDS - {"service"}

CLINICAL = (
    *("abort", "allerg", "alergi", "anesthe", "anestes", "anxi", "ansiedad", "biops", "botox"),
    *("brace", "brackets", "cancer", "cavit", "caries", "chemo", "cosmetic", "crown", "dental imp"),
    *("depress", "depres", "diabet", "diagn", "disease", "enfermedad", "embaraz", "extraction"),
    *("extraccion", "fertil", "filler", "relleno", "hiv", "vih", "implant", "infect", "infec"),
    *("insulin", "ivf", "laser", "lesion", "liposuc", "medicat", "medicamento", "mental health"),
    *("obes", "ortodon", "orthodon", "ozempic", "perdida de peso", "pregnan", "prescri", "psych"),
    *("psico", "psiqu", "quimio", "receta", "root canal", "endodon", "std", "surger", "surgical"),
    *("cirug", "symptom", "sintoma", "test result", "resultado", "therap", "terapia", "treatment"),
    *("tratamiento", "tumor", "vasectom", "weight loss", "whiten", "blanqueamiento", "wrinkle"),
)
"""How words begin that tell of an illness or a treatment, in English and Spanish, without accents.

A list is no proof that there is none: it catches what is written without a thought.
"""

_CLINICAL = re.compile(rf"\b(?:{'|'.join(map(re.escape, CLINICAL))})\w*")


def clinical_words(words: str) -> list[str]:
    """Return what of these words tells of an illness or a treatment, as far as the list knows."""
    plain = unicodedata.normalize("NFKD", words.casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return list(dict.fromkeys(_CLINICAL.findall(bare)))


def check_subject(source: str) -> None:
    """Refuse a subject that could not be read, is long, or says more than it may.

    Raises TemplateRefused.
    """
    if "\n" in source:
        raise TemplateRefused(WHOLE, N_("Write the subject in one line."))
    if len(source) > SUBJECT_LIMIT:
        too_long = N_("Shorten the subject to %(limit)s characters.")
        raise TemplateRefused(WHOLE, too_long, limit=str(SUBJECT_LIMIT))
    for name in rendering.compile(source).lines:
        if name not in SUBJECT_FIELDS:
            raise TemplateRefused(WHOLE, NAMES_NOBODY, name=rendering.called(name))
    if found := clinical_words(source):
        raise TemplateRefused(WHOLE, TELLS_NOTHING, word=found[0])


def check_body(source: str) -> None:
    """Refuse a body that cannot be read, or names what somebody asked for.

    Raises TemplateRefused.
    """
    lines = rendering.check(source).lines
    for name, line in lines.items():
        if name not in BODY_FIELDS:
            raise TemplateRefused(
                line, N_("an email does not say “%(name)s”: others may read it"), name=name
            )


def wrong_words(subjects: Mapping[str, str], bodies: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with an email's words, by the field of the form; nothing if all is well.

    Each language has a subject and a body, or neither.
    """
    wrong: dict[str, str] = {}
    for language in sorted({*subjects, *bodies}):
        subject, body = subjects.get(language, ""), bodies.get(language, "")
        if bool(subject) != bool(body):
            missing = "body" if subject else "subject"
            wrong[f"{missing}_{language}"] = _("An email has a subject and words in each language.")
            continue
        for name, source, check in (
            ("subject", subject, check_subject),
            ("body", body, check_body),
        ):
            try:
                check(source)
            except TemplateRefused as refused:
                wrong[f"{name}_{language}"] = rendering.said(refused)
    return wrong
