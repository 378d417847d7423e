"""The JSON endpoint for the clinic's own programs and partners."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from crm.core.errors import N_, Invalid, Unauthenticated
from crm.web.language import _
from pipelines.intake import AppointmentRequestIn, IncomingRequest
from pipelines.intake.arrived import wrong_addresses
from webhooks.intake.desk import Caller, desk_of

router = APIRouter(prefix="/api/v1", tags=["appointment requests"])

NOT_UTF8 = N_("This could not be read; send valid UTF-8.")
_bearer = HTTPBearer(auto_error=False, description="An API key of the clinic.")


class AcceptedOut(BaseModel):
    """What the request became."""

    request_id: UUID
    lead_id: UUID


class FieldProblem(BaseModel):
    """One wrong field, and what to do about it."""

    field: str
    message: str


class ProblemOut(BaseModel):
    """A problem as of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = []


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemOut"}
    return {
        "model": ProblemOut,
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": AcceptedOut, "description": "Kept, and on a lead; the same for a repeated key."},
    401: _problem("The key is missing, unknown, expired or revoked."),
    403: _problem("The key may not send requests."),
    413: _problem("The body is over 1 MB."),
    422: _problem("Some fields are wrong, or the idempotency key was used for another body."),
    429: _problem("Too many requests; see Retry-After."),
    503: _problem("Nothing was stored; repeat with the same key."),
}


async def api_caller(
    request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    """Return whose key the request came with. Raises Unauthenticated, Forbidden, TooMany."""
    if sent is None:
        raise Unauthenticated(_("Send an API key: Authorization: Bearer fd_…"))
    desk = desk_of(request)
    caller = desk.remembered(sent.credentials)
    if caller is None:
        caller = await run_in_threadpool(desk.look_up, sent.credentials)
    desk.rates.count_key(str(caller.principal.id))
    # What the model cannot know is told together with what it finds: see crm.web.errors.
    request.state.look_further = partial(_wrong_in, region=caller.region)
    return caller


def _wrong_in(body: Any, region: str) -> dict[str, str]:
    """Return what is wrong with the addresses of a body that the model has refused already."""
    if not isinstance(body, Mapping):
        return {}
    phone, email = body.get("phone"), body.get("email")
    if not all(isinstance(one, str | None) for one in (phone, email)):
        return {}
    return {name: _(words) for name, words in wrong_addresses(phone, email, region).items()}


async def _body(request: Request) -> str:
    """Return the body as it came. Raises Invalid where it is not UTF-8."""
    sent = await request.body()
    text = sent.decode(errors="replace")
    if text.encode() != sent:
        raise Invalid(NOT_UTF8, field="body")
    return text


@router.post(
    "/appointment-requests",
    name="api:send_appointment_request",
    status_code=202,
    response_model=None,
    responses=RESPONSES,
)
async def send_appointment_request(
    request: Request,
    caller: Annotated[Caller, Depends(api_caller)],
    data: AppointmentRequestIn,
    idempotency_key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            max_length=200,
            pattern=r"^[!-~]([ -~]*[!-~])?$",
            description="Yours, one for each request; repeat it until you get an answer.",
        ),
    ],
) -> Response:
    """Send an appointment request; what is answered with 202 is kept and on a lead.

    A repeated key with the same body gets the first answer, so sending again is always safe.
    """
    incoming = IncomingRequest(
        data=data,
        idempotency_key=idempotency_key,
        channel=f"api:{caller.principal.id}",
        body=await _body(request),
        region=caller.region,
        default_language=caller.language,
        evidence={"given_to": "api"},
    )
    accepted = await desk_of(request).accepted(caller.clinic_id, caller.principal, incoming)
    answer = {"request_id": str(accepted.request_id), "lead_id": str(accepted.lead_id)}
    return JSONResponse(answer, 202)
