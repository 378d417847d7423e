"""Helpers of the routes that answer with pages, and the one page route of this layer."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crm.web.flash import Tone, flash
from crm.web.forms import FormModel
from crm.web.middleware.language import COOKIE
from crm.web.paths import path_of
from crm.web.state import web_of

router = APIRouter(include_in_schema=False)

YEAR = 365 * 24 * 3600


def see_other(
    request: Request, route_name: str, *, message: str = "", tone: Tone = "good", **params: Any
) -> Response:
    """Return a 303 to a route, after a write; `message` is said by the next page."""
    response = RedirectResponse(path_of(request, route_name, **params), status_code=303)
    if message:
        flash(response, web_of(request).signer, message, tone)
    return response


def own_path(address: str) -> str:
    """Return the address if it is a path of ours, else `/`: nobody is sent to another site."""
    is_ours = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if is_ours and address.isprintable() else "/"


class LanguageForm(FormModel):
    """The language switch: what to speak, and the page to come back to."""

    language: Literal["en", "es"]
    back: str = "/"


@router.post("/language", name="web:switch_language")
def switch_language(form: Annotated[LanguageForm, Form()]) -> Response:
    """Remember the language in this browser and go back to where one was."""
    response = RedirectResponse(own_path(form.back), status_code=303)
    response.set_cookie(
        COOKIE, form.language, max_age=YEAR, secure=True, httponly=True, samesite="lax"
    )
    return response
