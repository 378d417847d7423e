"""What the settings of pipelines have in common."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from crm.web.forms import FormModel, Rejected
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render
from pipelines.models import StageKind

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]
Version = Annotated[int, Field(ge=1)]


class NameForm(FormModel):
    """A new pipeline or reason."""

    name: Name


class PlaceForm(FormModel):
    """A place in a list, counted from 0: asked for twice it is the same place."""

    place: Annotated[int, Field(ge=0, le=1000)] = 0


KINDS: Mapping[StageKind, str] = {
    "open": N_("Open: still to be decided"),
    "booked": N_("Booked: an appointment is made"),
    "won": N_("Won: became a patient"),
    "lost": N_("Lost: asks for a reason"),
}
KIND_NAMES: Mapping[StageKind, tuple[str, str]] = {
    "open": (N_("Open"), "blue"),
    "booked": (N_("Booked"), "purple"),
    "won": (N_("Won"), "green"),
    "lost": (N_("Lost"), "red"),
}


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of stages to choose from."""
    return [(value, _(label)) for value, label in KINDS.items()]


def kind_names() -> dict[str, tuple[str, str]]:
    """Return the kinds of stages, each with its short name and its tone."""
    return {kind: (_(label), tone) for kind, (label, tone) in KIND_NAMES.items()}


def see_pipeline(request: Request, pipeline_id: UUID, message: str = "") -> Response:
    """Go back to the page of a pipeline."""
    return see_other(
        request, "pipelines:pipeline_settings", message=message, pipeline_id=pipeline_id
    )


def render_form(
    request: Request,
    template: str,
    rejected: Rejected | None,
    stored: Mapping[str, str],
    **context: object,
) -> Response:
    """Render a page with its form as stored, or as it was typed and what is wrong with it."""
    is_typed = rejected is not None and "name" in rejected.values
    typed = {name: rejected.values.get(name, "") for name in stored} if rejected else {}
    return render(
        request,
        f"pipelines/{template}",
        rejected.problem.status if rejected else 200,
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
        stored=stored,
        values=typed if is_typed else stored,
        **context,
    )
