"""The shapes of Twilio's Account and IncomingPhoneNumbers resources, as far as we ask for them."""

from tests.fakes.provider_http import Reply
from tests.fakes.provider_messages import ROOT, json_reply


def account_reply(account_sid: str, status: str) -> Reply:
    """Return an account as Twilio shows it: active, suspended or closed."""
    uri = f"{ROOT}{account_sid}.json"
    return json_reply(
        200,
        {"sid": account_sid, "friendly_name": "Clinic", "status": status, "type": "Full"}
        | {"owner_account_sid": account_sid, "uri": uri, "subresource_uris": {}},
    )


def numbers_reply(account_sid: str, numbers: dict[str, bool], pattern: str) -> Reply:
    """Return the account's numbers that contain the pattern; each can send texts, or cannot."""
    found = [
        {"sid": f"PN{place:032x}", "account_sid": account_sid, "phone_number": number}
        | {"capabilities": {"sms": can_text, "mms": can_text, "voice": True, "fax": False}}
        for place, (number, can_text) in enumerate(numbers.items())
        if pattern.strip("+*") in number
    ]
    uri = f"{ROOT}{account_sid}/IncomingPhoneNumbers.json"
    pages = {"first_page_uri": uri, "previous_page_uri": None, "next_page_uri": None, "uri": uri}
    size = {"page": 0, "page_size": 50, "start": 0, "end": max(len(found) - 1, 0)}
    return json_reply(200, {"incoming_phone_numbers": found, **pages, **size})
