"""Pages of texts: a person's word on one that nobody else can tell about."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, require
from crm.messaging.settling import settle_by_hand
from crm.web.forms import FormModel
from crm.web.language import _
from crm.web.pages import see_other

router = APIRouter(include_in_schema=False)


class SettleForm(FormModel):
    """What somebody found out about a text."""

    was_sent: Literal["yes", "no"]


@router.post(
    "/texts/{communication_id}/settle",
    name="messaging:settle",
    dependencies=[require("messages:send")],
)
def settle(
    request: Request, uow: ClinicUow, communication_id: UUID, form: Annotated[SettleForm, Form()]
) -> Response:
    """Write down whether a text was sent, and show its lead, or the other texts to be checked."""
    text = settle_by_hand(uow, communication_id, was_sent=form.was_sent == "yes")
    message = _("It is noted; the text is not sent again.")
    if text.lead_id is None:
        return see_other(request, "workers:stuck", message=message)
    return see_other(request, "pipelines:lead", lead_id=text.lead_id, message=message)
