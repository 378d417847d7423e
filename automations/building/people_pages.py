"""Who is in a sequence, a page at a time, and what is done to several of them at once."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.responses import Response

from automations import people
from automations.building.reading import open_automation
from automations.models import Automation
from automations.versions import definitions
from crm.accounts.deps import ClinicUow, require
from crm.accounts.roles import may
from crm.core.errors import Invalid
from crm.web.forms import FormModel, OptionalId
from crm.web.language import _, ngettext
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(prefix="/sequences/{automation_id}/people", include_in_schema=False)


Seen = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:\d{1,9}$")]
"""`<enrollment id>:<occurrence>`, as the page showed it."""


class PeopleForm(FormModel):
    """Some of the people in a sequence, what is done to them, and the step that they go on with."""

    enrollment_id: Annotated[list[UUID], Field(max_length=people.PAGE, default_factory=list)]
    seen: Annotated[list[Seen], Field(max_length=people.PAGE, default_factory=list)]
    do: Literal["pause", "resume", "skip", "move", "remove"] = "pause"
    sequence_version_id: OptionalId = None
    place: Annotated[int, Field(ge=0, le=1000)] = 0


@router.get("", name="automations:people", dependencies=[require("automations:read")])
def show(
    request: Request, uow: ClinicUow, automation_id: UUID, beyond: UUID | None = None
) -> Response:
    """Show who is in a sequence, at which step, and from when they go on."""
    opened = open_automation(uow, automation_id)
    live = definitions(uow, [opened.live_id])[opened.live_id] if opened.live_id else None
    names = opened.choices.names
    places = [(one.position, one.step.words(names)) for one in live.program] if live else []
    role = request.state.recognised.membership.role
    return render(
        *(request, "automations/people.html"),
        now=uow.now,
        it=opened,
        people=people.people_in(uow, automation_id, beyond),
        places=[(place, f"{place + 1}. {words}") for place, words in places],
        may_edit=may(role, "automations:write"),
        may_act=may(role, "leads:write"),
    )


@router.post("", name="automations:treat_people", dependencies=[require("leads:write")])
def treat(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[PeopleForm, Form()]
) -> Response:
    """Pause, resume, skip a step of, move or remove those who are marked."""
    uow.get(Automation, automation_id)
    ids = form.enrollment_id
    if not ids:
        raise Invalid(_("Mark somebody first."), field="enrollment_id")
    match form.do:
        case "pause":
            number = people.pause_people(uow, automation_id, ids)
            said = ngettext("%(num)s person rests.", "%(num)s people rest.", number)
        case "resume":
            number = people.resume_people(uow, automation_id, ids)
            said = ngettext("%(num)s person goes on.", "%(num)s people go on.", number)
        case "skip":
            number = people.skip_people(uow, automation_id, _seen(form))
            said = ngettext("%(num)s person skips a step.", "%(num)s people skip a step.", number)
        case "remove":
            number = people.remove_people(uow, automation_id, ids)
            said = ngettext("%(num)s person left it.", "%(num)s people left it.", number)
        case "move":
            if form.sequence_version_id is None:
                raise people.NoSuchStep
            number = people.move_people(
                uow, automation_id, ids, form.sequence_version_id, form.place
            )
            said = ngettext("%(num)s person was moved.", "%(num)s people were moved.", number)
    left = len(set(ids)) - number
    if left:
        still = ngettext("%(num)s stayed as they were.", "%(num)s stayed as they were.", left)
        said = f"{said} {still}"
    return see_other(request, "automations:people", automation_id=automation_id, message=said)


def _seen(form: PeopleForm) -> Mapping[UUID, int]:
    """Return the occurrence at which the page showed each of those who are marked."""
    pairs = (one.split(":") for one in form.seen)
    known = {UUID(enrollment_id): int(occurrence) for enrollment_id, occurrence in pairs}
    return {one: known[one] for one in form.enrollment_id if one in known}
