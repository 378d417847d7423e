"""Asking Twilio about credentials before they are kept: the account, then the number."""

from typing import NoReturn

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.rest import Client

from crm.core.errors import N_, DomainError, Invalid
from crm.core.settings import Settings
from crm.messaging.channels.http_loop import wait_for
from crm.messaging.channels.twilio import client_of


class TwilioSilent(DomainError):
    """Twilio could not be asked now; nothing is known of the credentials."""

    status = 503
    code = "twilio_silent"
    title = N_("Twilio could not be asked")


def check(settings: Settings, account_sid: str, auth_token: str, number: str) -> None:
    """Ask Twilio whether the token is the account's, and the number; two requests, no text.

    Raises Invalid, which names the field, and TwilioSilent where there was no answer.
    """
    client = client_of(account_sid, auth_token, settings)
    try:
        wait_for(_check_account(client, account_sid))
        wait_for(_check_number(client, number))
    except DomainError:
        raise
    except Exception as fault:
        _explain(fault)


async def _check_account(client: Client, account_sid: str) -> None:
    account = await client.api.accounts(account_sid).fetch_async()
    if account.status != "active":
        raise Invalid(N_("Twilio has suspended or closed this account."), field="account_sid")


async def _check_number(client: Client, number: str) -> None:
    # The filter is a pattern to Twilio: what it finds must be the very number.
    found = await client.incoming_phone_numbers.list_async(phone_number=number, limit=20)
    own = next((each for each in found if each.phone_number == number), None)
    if own is None:
        raise Invalid(N_("This number is not one of the account's."), field="number")
    if isinstance(own.capabilities, dict) and own.capabilities.get("sms") is False:
        raise Invalid(N_("This number cannot send texts."), field="number")


def _explain(fault: Exception) -> NoReturn:
    status = getattr(fault, "status", None)
    if not isinstance(fault, TwilioRestException | TwilioServiceException):
        why = N_("There is no connection to it, or it did not answer in time.")
        raise TwilioSilent(why) from None
    if status == 401:
        raise Invalid(N_("This is not the account's token."), field="auth_token") from None
    if status == 403:
        why = N_("Twilio has suspended or closed this account.")
        raise Invalid(why, field="account_sid") from None
    if status == 404:
        raise Invalid(N_("Twilio knows no such account."), field="account_sid") from None
    raise TwilioSilent(N_("It is busy or out of order; try again in a minute.")) from None
