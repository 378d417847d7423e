"""Why this text: from what happened to what its provider said, each as it was then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select
from sqlmodel import col

from automations.conditions import CONDITIONS
from automations.definitions import SequenceDefinition
from automations.enrollments import ORIGIN
from automations.models import Automation, Enrollment, SequenceVersion, StepRun
from automations.names import Names, names_asked, names_found
from automations.versions import definitions
from automations.walking import step_of
from crm.accounts.models import User
from crm.compliance.models import Consent, ConsentWording
from crm.core.errors import NotFound
from crm.core.events import EventRow
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.models import Communication, ProviderStatus, Template, TemplateVersion
from crm.messaging.timeline import why_words
from crm.web import formats
from crm.web.language import _

_passages: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_versions: Any = SequenceVersion.__table__  # type: ignore[attr-defined]
_runs: Any = StepRun.__table__  # type: ignore[attr-defined]
_consents: Any = Consent.__table__  # type: ignore[attr-defined]
_wordings: Any = ConsentWording.__table__  # type: ignore[attr-defined]
_templates: Any = Template.__table__  # type: ignore[attr-defined]
_template_versions: Any = TemplateVersion.__table__  # type: ignore[attr-defined]
_statuses: Any = ProviderStatus.__table__  # type: ignore[attr-defined]

_LABELS: Mapping[str, str] = {kind.model_fields["kind"].default: kind.label for kind in CONDITIONS}


@dataclass(frozen=True)
class Asked:
    """A condition that was asked, and whether it held then; `depth` counts those around it."""

    words: str
    holds: bool
    depth: int


@dataclass(frozen=True)
class LocalTime:
    """What the clock shows in a zone."""

    time: str
    zone: str


@dataclass(frozen=True)
class Why:
    """Everything that led to one text, or kept it back; rows have the columns of their tables.

    `events` are what caused it, the first first. `passage` is the enrollment with its sequence's
    name and pinned version, whose words `trigger`, `conditions` and `step` are; `asked` is what the
    conditions on the way found. There is no passage where a person wrote it, or a keyword did.
    """

    text: Communication
    events: Sequence[EventRow]
    passage: Any
    trigger: str
    conditions: Sequence[str]
    step: str
    asked: Sequence[Asked]
    consent: Any
    template: Any
    statuses: Sequence[Any]
    author: str

    @property
    def state(self) -> states.State:
        """What became of it."""
        return states.state(self.text.status, self.text.held_reason)

    @property
    def reason(self) -> str:
        """Why it is held, or was not sent or lost; nothing where it went well."""
        return states.reason(self.text.reason or self.text.held_reason, self.text.channel)

    @property
    def asks(self) -> str:
        """The question that is answered."""
        return why_words(self.text.channel)

    @property
    def consent_words(self) -> str:
        """What they agreed to where no words stood beside it: giving the address was it."""
        if self.text.channel == "email" and self.text.message_class == "care":
            return _("They gave this address with their request, for emails about it.")
        return ""

    @property
    def spoken_by(self) -> UUID | None:
        """The text of another sequence that spoke instead, or shortly before."""
        other = self.text.gate.get("spoken_by")
        return UUID(other) if other else None

    @property
    def local_times(self) -> Sequence[LocalTime]:
        """What the clocks showed wherever the patient may be, at the last look (LAW-11)."""
        known = self.text.gate
        times = (datetime.fromisoformat(at) for at in known.get("local_times", ()))
        return [
            LocalTime(formats.clock(at.time()), zone)
            for at, zone in zip(times, known.get("zones", ()), strict=False)
        ]

    @property
    def checked_at(self) -> datetime | None:
        """When the gate looked at it last (LAW-11)."""
        at = self.text.gate.get("checked_at")
        return datetime.fromisoformat(at) if at else None


def why(uow: UnitOfWork, communication_id: UUID) -> Why:
    """Return everything that led to a text that the clinic wrote. Raises NotFound."""
    text = uow.get(Communication, communication_id)
    if text.direction != "out":
        raise NotFound("no text of the clinic's")
    found = together(uow, **_asked(text), **names_asked(uow))
    passage, names = _one(found["passage"]), names_found(found)
    definition = definitions(uow, [passage.version_id])[passage.version_id] if passage else None
    return Why(
        text=text,
        events=_causes(uow, text),
        passage=passage,
        trigger=definition.trigger.words(names) if definition else "",
        conditions=[one.words(names) for one in definition.conditions] if definition else [],
        step=_step(definition, text.dedupe_key, names),
        asked=[asked for run in found["runs"] for asked in _conditions(run.outcome)],
        consent=_one(found["consent"]),
        template=_one(found["template"]),
        statuses=found["statuses"],
        author=next((row.name for row in found["author"]), ""),
    )


def _one(rows: Sequence[Any]) -> Any:
    return next(iter(rows), None)


def _step(definition: SequenceDefinition | None, dedupe_key: str, names: Names) -> str:
    """Return what the step says in the version that the passage is pinned to."""
    return definition.program[step_of(dedupe_key)].step.words(names) if definition else ""


def _conditions(outcome: Mapping[str, Any]) -> Iterator[Asked]:
    for one in outcome["because"]:
        yield from _nested(one, 0)


def _nested(one: Mapping[str, Any], depth: int) -> Iterator[Asked]:
    """Yield a condition and those inside of it; what is none, such as a drawn lot, is left out."""
    label = _LABELS.get(one.get("kind", ""))
    if label is None:
        return
    yield Asked(_(label), bool(one["holds"]), depth)
    inner = one.get("of", ())
    for each in (inner,) if isinstance(inner, Mapping) else inner:
        yield from _nested(each, depth + 1)


def _causes(uow: UnitOfWork, text: Communication) -> Sequence[EventRow]:
    if not text.cause:
        return ()
    return uow.session.scalars(
        select(EventRow)
        .where(
            col(EventRow.clinic_id) == uow.clinic_id,
            col(EventRow.id).in_([UUID(cause) for cause in text.cause]),
        )
        .order_by(col(EventRow.seq))
    ).all()


def _asked(text: Communication) -> Mapping[str, Select[Any]]:
    passage_id = text.origin_id if text.origin_kind == ORIGIN else None
    author_id = text.origin_id if text.origin_kind == "user" else None
    runs, statuses = _runs.c, _statuses.c
    return {
        "passage": _passage(text.clinic_id, passage_id),
        "runs": select(runs.outcome)
        .where(
            runs.clinic_id == text.clinic_id,
            runs.enrollment_id == passage_id,
            runs.at <= text.created_at,
            runs.outcome.has_key("because"),
        )
        .order_by(runs.occurrence),
        "consent": _consent(text.clinic_id, text.consent_id),
        "template": _template(text.clinic_id, text.template_version_id),
        # In the order in which they came, which may not be that of what they tell (TW-22).
        "statuses": select(statuses.status, statuses.error_code, statuses.at)
        .where(
            statuses.clinic_id == text.clinic_id,
            statuses.provider_id == text.provider_id,
        )
        .order_by(statuses.at, statuses.id),
        "author": select(col(User.name)).where(col(User.id) == author_id),
    }


def _passage(clinic_id: UUID, passage_id: UUID | None) -> Select[Any]:
    c, whole, version = _passages.c, _automations.c, _versions.c
    return (
        select(
            *(c.id, c.automation_id, c.version_id, c.entered_at, whole.name),
            *(version.number, version.published_at),
        )
        .join(_automations, and_(whole.clinic_id == c.clinic_id, whole.id == c.automation_id))
        .join(_versions, and_(version.clinic_id == c.clinic_id, version.id == c.version_id))
        .where(c.clinic_id == clinic_id, c.id == passage_id)
    )


def _consent(clinic_id: UUID, consent_id: UUID | None) -> Select[Any]:
    c, words = _consents.c, _wordings.c
    return (
        select(*(c.purpose, c.tier, c.source, c.at), words.text.label("wording"))
        .outerjoin(_wordings, and_(words.clinic_id == c.clinic_id, words.id == c.wording_id))
        .where(c.clinic_id == clinic_id, c.id == consent_id)
    )


def _template(clinic_id: UUID, version_id: UUID | None) -> Select[Any]:
    version, whole = _template_versions.c, _templates.c
    its = and_(whole.clinic_id == version.clinic_id, whole.id == version.template_id)
    return (
        select(whole.name, version.number)
        .join(_templates, its)
        .where(version.clinic_id == clinic_id, version.id == version_id)
    )
