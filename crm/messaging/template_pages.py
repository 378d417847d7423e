"""Settings of templates: what texts and emails say, in English and Spanish, with a preview."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import StringConstraints
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, own_uow, require
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.messaging import actions, queries, rendering
from crm.messaging.emails.checking import BODY_FIELDS, clinical_words, wrong_words
from crm.messaging.rendering import MERGE_FIELDS
from crm.messaging.segments import Segments, measure
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(
    prefix="/settings/templates",
    include_in_schema=False,
    dependencies=[require("templates:write")],
)

LANGUAGES: Mapping[str, str] = {"en": N_("English"), "es": N_("Spanish")}
CLASSES: Mapping[str, tuple[str, str]] = {
    "care": (N_("Care: about the request and appointments"), N_("Care")),
    "marketing": (N_("Marketing: needs a consent of its own, in writing"), N_("Marketing")),
}
Channel = Literal["sms", "email"]
CHANNELS: Mapping[str, str] = {"sms": N_("Text"), "email": N_("Email")}
Body = Annotated[str, StringConstraints(max_length=rendering.SOURCE_LIMIT)]


class WordsForm(FormModel):
    """What a template says, by language; an email has subjects as well."""

    body_en: Body = ""
    body_es: Body = ""
    subject_en: ShortText = ""
    subject_es: ShortText = ""
    channel: Channel = "sms"

    def bodies(self) -> dict[str, str]:
        """Return the words by language."""
        return {"en": self.body_en, "es": self.body_es}

    def subjects(self) -> dict[str, str] | None:
        """Return the subjects by language; None of a text."""
        titles = {"en": self.subject_en, "es": self.subject_es}
        return titles if self.channel == "email" else None


class PreviewForm(WordsForm):
    """What a template shall say, and whatever else the form holds."""

    name: ShortText = ""
    message_class: Literal["care", "marketing"] = "care"
    version_id: str = ""


class NewForm(WordsForm):
    """A new template."""

    name: ShortText
    body_en: Body
    message_class: Literal["care", "marketing"] = "care"


class TemplateForm(WordsForm):
    """Other words of a template; `version_id` is the version that was edited."""

    name: ShortText
    body_en: Body
    version_id: UUID


@dataclass(frozen=True)
class Preview:
    """What would be said, how many parts a text is sent as, or why it cannot be.

    `warned` is what of an email's words tells of an illness or a treatment (LAW-53).
    """

    language: str
    words: str
    size: Segments | None
    refused: str
    subject: str = ""
    warned: str = ""


@router.get("", name="messaging:templates")
def templates(request: Request, uow: ClinicUow) -> Response:
    """Show what the clinic's texts and emails say."""
    rows = queries.templates_shown(uow)
    return render(
        request,
        "messaging/templates.html",
        templates=[(row, _first_words(row.bodies), _first_words(row.subjects)) for row in rows],
        classes={name: _(short) for name, (_long, short) in CLASSES.items()},
        channels={name: _(word) for name, word in CHANNELS.items()},
    )


@router.get("/new", name="messaging:new_template")
def new(request: Request, channel: Channel = "sms") -> Response:
    """Ask for a template's name and words, of a text or of an email."""
    return _page(request, None, channel=channel)


def _new_again(request: Request, rejected: Rejected) -> Response:
    typed = rejected.values.get("channel", "sms")
    return _page(request, None, rejected, channel=typed if typed in CHANNELS else "sms")


@router.post("", name="messaging:add_template", dependencies=[shows_again(_new_again)])
def add(request: Request, uow: ClinicUow, form: Annotated[NewForm, Form()]) -> Response:
    """Add a template."""
    actions.new_template(uow, form.name, form.bodies(), form.message_class, form.subjects())
    return see_other(request, "messaging:templates", message=_("The template is added."))


@router.post("/preview", name="messaging:preview_template")
def preview(request: Request, form: Annotated[PreviewForm, Form()]) -> Response:
    """Show what is being typed as patients would read it; nothing is kept."""
    previews = _previews(form.bodies(), form.subjects())
    return render(request, "messaging/_template_preview.html", previews=previews)


@router.get("/{template_id}", name="messaging:template")
def template(request: Request, uow: ClinicUow, template_id: UUID) -> Response:
    """Show a template to be changed."""
    return _page(request, _one(uow, template_id))


def _template_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        row = _one(uow, UUID(request.path_params["template_id"]))
    return _page(request, row, rejected)


@router.post(
    "/{template_id}", name="messaging:save_template", dependencies=[shows_again(_template_again)]
)
def save(
    request: Request, uow: ClinicUow, template_id: UUID, form: Annotated[TemplateForm, Form()]
) -> Response:
    """Publish other words; texts already sent keep theirs."""
    words, titles = form.bodies(), form.subjects()
    actions.save_template(uow, template_id, form.version_id, form.name, words, titles)
    return see_other(request, "messaging:templates", message=_("The template is saved."))


def _one(uow: UnitOfWork, template_id: UUID) -> queries.TemplateShown:
    for row in queries.templates_shown(uow, template_id):
        return row
    raise NotFound


def _page(
    request: Request,
    row: queries.TemplateShown | None,
    rejected: Rejected | None = None,
    channel: str = "sms",
) -> Response:
    channel = row.channel if row else channel
    stored = {
        "name": row.name if row else "",
        "message_class": row.message_class if row else "care",
        **{f"body_{each}": row.bodies.get(each, "") if row else "" for each in LANGUAGES},
        **{f"subject_{each}": row.subjects.get(each, "") if row else "" for each in LANGUAGES},
    }
    typed = {**stored, **rejected.values} if rejected else stored
    words, titles = (
        {each: typed[f"{part}_{each}"] for each in LANGUAGES} for part in ("body", "subject")
    )
    return render(
        request,
        "messaging/template.html",
        rejected.problem.status if rejected else 200,
        template=row,
        channel=channel,
        values={name: typed[name] for name in stored},
        stored=stored,
        languages={language: _(name) for language, name in LANGUAGES.items()},
        classes=[(name, _(long)) for name, (long, _short) in CLASSES.items()],
        fields=rendering.merge_fields(BODY_FIELDS if channel == "email" else MERGE_FIELDS),
        previews=_previews(words, titles if channel == "email" else None),
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
    )


def _previews(bodies: Mapping[str, str], subjects: Mapping[str, str] | None) -> list[Preview]:
    if subjects is not None:
        return [
            _email_preview(language, subjects[language], source)
            for language, source in bodies.items()
            if source.strip() or subjects[language]
        ]
    return [
        Preview(
            _(LANGUAGES[language]),
            words := rendering.preview(source),
            measure(words),
            rendering.why_refused(source),
        )
        for language, source in bodies.items()
        if source.strip()
    ]


def _email_preview(language: str, subject: str, body: str) -> Preview:
    wrong = wrong_words({language: subject.strip()}, {language: body.strip()})
    told = clinical_words(body)
    warned = _("Others may read it: it tells of “%(words)s”.", words=", ".join(told))
    return Preview(
        _(LANGUAGES[language]),
        rendering.preview(body, limit=rendering.EMAIL_LIMIT),
        None,
        " ".join(wrong.values()),
        rendering.preview(subject),
        warned if told else "",
    )


def _first_words(bodies: Mapping[str, str]) -> str:
    return rendering.preview(next(iter(bodies.values()), ""), limit=rendering.EMAIL_LIMIT)
