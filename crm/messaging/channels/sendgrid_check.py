"""Asking SendGrid about a key before it is kept: may it send, and from this address."""

from typing import Any

from crm.core.errors import N_, DomainError, Invalid
from crm.core.settings import Settings
from crm.messaging.channels.sendgrid_http import client_of


class SendGridSilent(DomainError):
    """SendGrid could not be asked now; nothing is known of the key."""

    status = 503
    code = "sendgrid_silent"
    title = N_("SendGrid could not be asked")


def check(settings: Settings, api_key: str, sender: str) -> None:
    """Ask SendGrid whether the key may send, and whether the sender is verified; no email is sent.

    Raises Invalid, which names the field, and SendGridSilent where there was no answer.
    """
    api = client_of(api_key, settings).client
    scopes = _ask(api.scopes).get("scopes", [])
    if "mail.send" not in scopes:
        raise Invalid(N_("This key may not send emails: give it “Mail Send”."), field="api_key")
    if not (_is_verified(api, sender) or _is_authenticated(api, sender)):
        raise Invalid(
            N_("SendGrid has not verified this address, nor its domain, for this account."),
            field="sender",
        )


def _is_verified(api: Any, sender: str) -> bool:
    found = _ask(api.verified_senders).get("results", [])
    return any(
        each.get("verified") and str(each.get("from_email", "")).lower() == sender for each in found
    )


def _is_authenticated(api: Any, sender: str) -> bool:
    domain = sender.rpartition("@")[2]
    found = _ask(api.whitelabel.domains)
    return any(
        each.get("valid") and str(each.get("domain", "")).lower() == domain
        for each in found.get("list", [])
    )


def _ask(resource: Any) -> dict[str, Any]:
    """Return what a resource holds; a list under the name `list`."""
    try:
        answer = resource.get()
    except Exception:
        why = N_("There is no connection to it, or it did not answer in time.")
        raise SendGridSilent(why) from None
    if answer.status_code == 401:
        raise Invalid(N_("SendGrid does not know this key."), field="api_key")
    if answer.status_code == 403:
        why = N_("This key may not say who is verified: let it read “Sender Authentication”.")
        raise Invalid(why, field="api_key")
    if answer.status_code != 200:
        raise SendGridSilent(N_("It is busy or out of order; try again in a minute."))
    told = answer.to_dict
    return told if isinstance(told, dict) else {"list": told}
