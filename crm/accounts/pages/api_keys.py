"""The clinic's API keys: made, shown once, revoked (SEC-14)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.actions.api_keys import create_key, revoke_key
from crm.accounts.deps import ClinicUow, own_uow, require, verify_write
from crm.accounts.models import ApiKey
from crm.accounts.queries import api_keys
from crm.accounts.roles import SCOPES
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(
    prefix="/settings/api-keys",
    dependencies=[Depends(verify_write), require("api_keys:write")],
)

LIVES: Mapping[str, str] = {
    "90": N_("90 days"),
    "365": N_("One year"),
    "never": N_("Until it is revoked"),
}


class KeyForm(FormModel):
    """A key to be made."""

    name: ShortText
    scopes: list[str] = Field(default_factory=list, max_length=20)
    lives: Literal["90", "365", "never"] = "365"
    key_id: UUID = Field(default_factory=new_id)


@router.get("", name="accounts:api_keys")
def keys_page(request: Request, uow: ClinicUow) -> Response:
    """Show the clinic's keys: never a key itself, only how it begins."""
    return _page(request, uow)


def _keys_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _page(request, uow, rejected=rejected)


@router.post("", name="accounts:create_api_key", dependencies=[shows_again(_keys_again)])
def make_key(request: Request, uow: ClinicUow, form: Annotated[KeyForm, Form()]) -> Response:
    """Make a key and show it, this once: a redirect would have to keep it somewhere.

    The form names the key that it makes, so that a reload of the answer makes no other.
    """
    expires_at = None if form.lives == "never" else uow.now + timedelta(days=int(form.lives))
    created = create_key(uow, form.name, form.scopes, expires_at, form.key_id)
    return _page(request, uow, fresh=created.raw)


@router.post("/{key_id}/revoke", name="accounts:revoke_api_key")
def revoke(request: Request, uow: ClinicUow, key_id: UUID) -> Response:
    """Let a key open nothing any more."""
    revoke_key(uow, key_id)
    return see_other(request, "accounts:api_keys", message=_("The key is revoked."))


def _page(
    request: Request, uow: UnitOfWork, fresh: str | None = None, rejected: Rejected | None = None
) -> Response:
    is_wrong = rejected is not None and rejected.problem.status == 422
    return render(
        request,
        "accounts/api_keys.html",
        rejected.problem.status if rejected else 200,
        problem=rejected.problem if rejected else None,
        typed=rejected.values if rejected else {},
        chosen=rejected.several.get("scopes", ()) if rejected else SCOPES,
        keys=[(key, _state(key, uow)) for key in api_keys(uow)],
        scopes=SCOPES,
        lives=[(value, _(label)) for value, label in LIVES.items()],
        fresh=fresh,
        # A form that is mended makes the key that it was to make; one that was made is another.
        next_id=(rejected.id("key_id") if rejected and is_wrong else None) or new_id(),
    )


def _state(key: ApiKey, uow: UnitOfWork) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= uow.now else "live"
