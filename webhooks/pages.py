"""What a person says of stored calls that could not be applied."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, require
from crm.web.language import _
from crm.web.pages import see_other
from webhooks import inbox

router = APIRouter(include_in_schema=False)


@router.post(
    "/settings/work/webhooks/{webhook_id}/dismiss",
    name="webhooks:dismiss",
    dependencies=[require("ops:retry")],
)
def dismiss(request: Request, uow: ClinicUow, webhook_id: UUID) -> Response:
    """Take a failed call off the page of late work for good."""
    inbox.dismiss(uow, webhook_id)
    return see_other(request, "workers:stuck", message=_("It is dismissed."))
