"""Settings of templates: what texts say, in English and Spanish, with a preview and its parts."""

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
Body = Annotated[str, StringConstraints(max_length=rendering.SOURCE_LIMIT)]


class PreviewForm(FormModel):
    """What a template shall say, by language, and whatever else the form holds."""

    body_en: Body = ""
    body_es: Body = ""
    name: ShortText = ""
    message_class: Literal["care", "marketing"] = "care"
    version_id: str = ""

    def bodies(self) -> dict[str, str]:
        """Return the words by language."""
        return {"en": self.body_en, "es": self.body_es}


class NewForm(FormModel):
    """A new template."""

    name: ShortText
    body_en: Body
    body_es: Body = ""
    message_class: Literal["care", "marketing"] = "care"


class TemplateForm(FormModel):
    """Other words of a template; `version_id` is the version that was edited."""

    name: ShortText
    body_en: Body
    body_es: Body = ""
    version_id: UUID


@dataclass(frozen=True)
class Preview:
    """What a text would say, how many parts it is sent as, or why it cannot be."""

    language: str
    words: str
    size: Segments
    refused: str


@router.get("", name="messaging:templates")
def templates(request: Request, uow: ClinicUow) -> Response:
    """Show what the clinic's texts say."""
    rows = queries.templates_shown(uow)
    return render(
        request,
        "messaging/templates.html",
        templates=[(row, _first_words(row.bodies)) for row in rows],
        classes={name: _(short) for name, (_long, short) in CLASSES.items()},
    )


@router.get("/new", name="messaging:new_template")
def new(request: Request) -> Response:
    """Ask for a template's name and words."""
    return _page(request, None)


def _new_again(request: Request, rejected: Rejected) -> Response:
    return _page(request, None, rejected)


@router.post("", name="messaging:add_template", dependencies=[shows_again(_new_again)])
def add(request: Request, uow: ClinicUow, form: Annotated[NewForm, Form()]) -> Response:
    """Add a template."""
    words = {"en": form.body_en, "es": form.body_es}
    actions.new_template(uow, form.name, words, form.message_class)
    return see_other(request, "messaging:templates", message=_("The template is added."))


@router.post("/preview", name="messaging:preview_template")
def preview(request: Request, form: Annotated[PreviewForm, Form()]) -> Response:
    """Show what is being typed as patients would read it; nothing is kept."""
    return render(request, "messaging/_template_preview.html", previews=_previews(form.bodies()))


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
    words = {"en": form.body_en, "es": form.body_es}
    actions.save_template(uow, template_id, form.version_id, form.name, words)
    return see_other(request, "messaging:templates", message=_("The template is saved."))


def _one(uow: UnitOfWork, template_id: UUID) -> queries.TemplateShown:
    for row in queries.templates_shown(uow, template_id):
        return row
    raise NotFound


def _page(
    request: Request, row: queries.TemplateShown | None, rejected: Rejected | None = None
) -> Response:
    stored = {
        "name": row.name if row else "",
        "message_class": row.message_class if row else "care",
        "body_en": row.bodies.get("en", "") if row else "",
        "body_es": row.bodies.get("es", "") if row else "",
    }
    typed = {**stored, **rejected.values} if rejected else stored
    return render(
        request,
        "messaging/template.html",
        rejected.problem.status if rejected else 200,
        template=row,
        values={name: typed[name] for name in stored},
        stored=stored,
        languages={language: _(name) for language, name in LANGUAGES.items()},
        classes=[(name, _(long)) for name, (long, _short) in CLASSES.items()],
        fields=rendering.merge_fields(),
        previews=_previews({"en": typed["body_en"], "es": typed["body_es"]}),
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
    )


def _previews(bodies: Mapping[str, str]) -> list[Preview]:
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


def _first_words(bodies: Mapping[str, str]) -> str:
    return rendering.preview(next(iter(bodies.values()), ""))
