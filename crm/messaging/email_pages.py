"""Settings of emails: the postal address that they name, and the SendGrid account they leave by."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from pydantic import Field, StringConstraints
from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, get_runtime, own_uow, require
from crm.accounts.models import Clinic
from crm.accounts.roles import may
from crm.core.loading import load
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging import queries
from crm.messaging.actions.connect_email import (
    connect_sendgrid,
    read_email_connection,
    save_postal_address,
)
from crm.messaging.actions.mail_hook import hooks, open_hook, save_hook_key
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(prefix="/settings/emails", include_in_schema=False)

CLASSES = (
    (
        N_("Care"),
        N_("About a request and its visits. Sent to whoever gave the address with a request."),
        True,
    ),
    (
        N_("Marketing"),
        N_("Offers and news. Sent to whoever agreed in writing; names the postal address."),
        True,
    ),
    (
        N_("Essential"),
        N_("Receipts of what people did themselves, such as a sign-in. Nothing may be sold."),
        False,
    ),
)
"""The classes of emails, what each is, and whether people unsubscribe from it (A11, LAW-41)."""


class AddressForm(FormModel):
    """Where the clinic is, in lines."""

    postal_address: Annotated[str, StringConstraints(max_length=400)] = ""


class ConnectForm(FormModel):
    """A key of the clinic's SendGrid account, and the verified address that emails come from."""

    api_key: Annotated[ShortText, Field(repr=False)]
    sender: ShortText


@router.get("", name="messaging:email_settings")
def email_settings(
    request: Request, uow: ClinicUow, login: Annotated[SignedIn, require("settings:read")]
) -> Response:
    """Show from where emails leave, what they name, and which kinds there are."""
    return _page(request, uow, login)


def _again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _page(request, uow, None, rejected)


@router.post(
    "/address",
    name="messaging:save_postal_address",
    dependencies=[require("settings:write"), shows_again(_again)],
)
def save_address(
    request: Request, uow: ClinicUow, form: Annotated[AddressForm, Form()]
) -> Response:
    """Keep the postal address."""
    save_postal_address(uow, form.postal_address)
    return see_other(request, "messaging:email_settings", message=_("The address is saved."))


@router.post("/connect", name="messaging:connect_email", dependencies=[shows_again(_again)])
def connect(
    request: Request,
    runtime: Annotated[Runtime, Depends(get_runtime)],
    login: Annotated[SignedIn, require("settings:write")],
    form: Annotated[ConnectForm, Form()],
) -> Response:
    """Connect SendGrid, once it says that the key may send and the address is verified."""
    api_key, sender = read_email_connection(form.api_key, form.sender)
    # Not within a transaction: SendGrid may take its time.
    load("crm.messaging.channels.sendgrid_check:check")(runtime.settings, api_key, sender)
    with runtime.database.transaction(login.clinic_id, login.principal) as uow:
        connect_sendgrid(uow, api_key, sender)
    return see_other(request, "messaging:email_settings", message=_("SendGrid is connected."))


class KeyForm(FormModel):
    """The key by which SendGrid signs what it tells."""

    hook_key: Annotated[str, StringConstraints(min_length=1, max_length=400)]


@router.post(
    "/hooks/{account_id}/open",
    name="messaging:open_mail_hook",
    dependencies=[require("settings:write")],
)
def open_address(request: Request, uow: ClinicUow, account_id: UUID) -> Response:
    """Make the address where SendGrid tells what becomes of emails."""
    open_hook(uow, account_id)
    return see_other(request, "messaging:email_settings")


@router.post(
    "/hooks/{account_id}/key",
    name="messaging:save_mail_hook_key",
    dependencies=[require("settings:write"), shows_again(_again)],
)
def save_key(
    request: Request, uow: ClinicUow, account_id: UUID, form: Annotated[KeyForm, Form()]
) -> Response:
    """Believe what is signed with this key."""
    save_hook_key(uow, account_id, form.hook_key)
    return see_other(request, "messaging:email_settings", message=_("The key is saved."))


def _page(
    request: Request, uow: UnitOfWork, login: SignedIn | None, rejected: Rejected | None = None
) -> Response:
    clinic = uow.session.scalars(select(Clinic).where(col(Clinic.id) == uow.clinic_id)).one()
    typed = rejected.values if rejected else {}
    may_write = login is None or may(login.role, "settings:write")
    return render(
        request,
        "messaging/emails.html",
        rejected.problem.status if rejected else 200,
        postal_address=typed.get("postal_address", clinic.postal_address or ""),
        sender=typed.get("sender", ""),
        accounts=queries.text_accounts(uow, "email"),
        hooks={hook.account_id: hook for hook in hooks(uow)} if may_write else {},
        public_url=get_runtime(request).settings.base_url,
        classes=[(_(name), _(what), has_out) for name, what, has_out in CLASSES],
        may_write=may_write,
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
    )
