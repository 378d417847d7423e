"""The page of late and dead work: what it is, why, and Retry."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, require
from crm.core import backlog, work
from crm.core.errors import NotFound
from crm.core.runtime import Runtime
from crm.messaging.queries import notices, uncertain_texts
from crm.privacy.actions import audit
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/settings/work", name="workers:stuck", dependencies=[require("ops:read")])
def stuck(request: Request, uow: ClinicUow) -> Response:
    """Show what is late or dead in this clinic, with its cause."""
    runtime: Runtime = request.app.state.runtime
    rows = backlog.stuck(uow.session, runtime.work.values(), uow.clinic_id, uow.now)
    return render(
        request,
        "workers/stuck.html",
        rows=rows,
        notices=notices(uow),
        uncertain_texts=uncertain_texts(uow),
        now=uow.now,
    )


@router.post(
    "/settings/work/{kind}/{row_id}/retry",
    name="workers:retry",
    dependencies=[require("ops:retry")],
)
def retry(request: Request, uow: ClinicUow, kind: str, row_id: UUID) -> Response:
    """Bring a dead row back, due now."""
    runtime: Runtime = request.app.state.runtime
    known = runtime.work.get(kind)
    if known is None or not work.retry(uow.session, known, uow.clinic_id, row_id, uow.now):
        raise NotFound("there is no such failed work any more")
    audit(uow, "work.retried", kind, row_id)
    uow.ring(kind, [row_id])
    return see_other(request, "workers:stuck", message=_("It is tried again now."))
