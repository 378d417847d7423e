"""The clinic connects SendGrid on a page, and says where it is."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlmodel import col

from crm.accounts.models import Clinic
from crm.core.runtime import Runtime
from crm.messaging.actions import add_sender
from crm.messaging.actions.mail_hook import hooks
from crm.messaging.models import ChannelAccount, Sender
from crm.privacy.models import AuditEntry
from tests.fakes.sendgrid import KEY, SendGridStandIn, serving
from tests.support.houses import House, cheap_app, furnish
from tests.webhooks.sendgrid_calls import public_key

PAGE = "/settings/emails"


@pytest.fixture
def sendgrid(runtime: Runtime) -> Iterator[SendGridStandIn]:
    with serving() as server:
        runtime.settings.sendgrid_api_url = server.url
        yield server


@pytest.fixture
def house(runtime: Runtime, clinic: UUID) -> Iterator[House]:
    made = furnish(runtime, cheap_app(runtime), clinic)
    yield made
    made.close()


def test_a_key_that_works_is_kept_encrypted_and_its_address_sends(
    house: House, sendgrid: SendGridStandIn
) -> None:
    owner = house.signed_in("owner")
    sent = {"api_key": KEY, "sender": "Hi@Clinic.Example"}
    assert owner.submit(PAGE, f"{PAGE}/connect", **sent).status_code == 303

    [sender] = house.all(Sender, col(Sender.channel) == "email", col(Sender.is_default))
    [account] = house.all(ChannelAccount, col(ChannelAccount.provider) == "sendgrid")
    assert (sender.value, sender.account_id) == ("hi@clinic.example", account.id)
    assert KEY not in (account.credentials or "")
    page = owner.get(PAGE).text
    assert "hi@clinic.example" in page
    assert KEY not in page
    assert "email.connected" in {entry.action for entry in house.all(AuditEntry)}
    assert [asked.path for asked in sendgrid.asked] == ["/v3/scopes", "/v3/verified_senders"]


@pytest.mark.parametrize(
    ("api_key", "sender", "words"),
    [
        ("short", "hi@clinic.example", "Copy the API key"),
        (KEY, "nobody", "This is no email address."),
        (KEY, "other@clinic.example", "SendGrid has not verified this address"),
        ("SG." + "y" * 40, "hi@clinic.example", "SendGrid does not know this key."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_kept(
    house: House, sendgrid: SendGridStandIn, api_key: str, sender: str, words: str
) -> None:
    owner = house.signed_in("owner")
    answer = owner.submit(PAGE, f"{PAGE}/connect", api_key=api_key, sender=sender)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{api_key}"' not in answer.text
    assert house.all(ChannelAccount, col(ChannelAccount.provider) == "sendgrid") == []


def test_the_postal_address_is_kept_and_each_kind_of_email_is_shown(house: House) -> None:
    owner = house.signed_in("owner")
    address = "1 Main St\r\n\r\n Springfield"
    answer = owner.submit(PAGE, f"{PAGE}/address", postal_address=address)
    assert answer.status_code == 303
    [clinic] = house.do(lambda uow: [uow.session.get_one(Clinic, uow.clinic_id)])
    assert clinic.postal_address == "1 Main St\nSpringfield"
    page = owner.get(PAGE).text
    for kind in ("Care", "Marketing", "Essential"):
        assert kind in page


def test_others_read_it_and_change_nothing(house: House) -> None:
    desk = house.signed_in("front_desk")
    assert desk.get(PAGE).status_code in (200, 403)
    assert (
        desk.submit("/settings/profile", f"{PAGE}/address", postal_address="x").status_code == 403
    )


def test_the_page_says_where_sendgrid_tells_of_emails_and_takes_its_key(
    house: House, sendgrid: SendGridStandIn
) -> None:
    owner = house.signed_in("owner")
    owner.submit(PAGE, f"{PAGE}/connect", api_key=KEY, sender="hi@clinic.example")
    page = owner.get(PAGE).text
    [address] = re.findall(r"https?://\S+/webhooks/sendgrid/([\w-]{32,})/events", page)
    assert "Not set up" in page
    [account] = house.all(ChannelAccount, col(ChannelAccount.provider) == "sendgrid")
    save = f"{PAGE}/hooks/{account.id}/key"
    refused = owner.submit(PAGE, save, hook_key="SG.no-key")
    assert refused.status_code == 422
    assert "Copy the verification key from SendGrid" in refused.text

    key = public_key(ec.generate_private_key(ec.SECP256R1()))
    assert owner.submit(PAGE, save, hook_key=key).status_code == 303
    page = owner.get(PAGE).text
    assert "Not set up" not in page
    assert key not in page
    assert address in page
    reader = house.signed_in("marketer").get(PAGE)
    assert address not in reader.text


def test_an_account_that_was_connected_before_gets_its_address_on_demand(
    house: House, sendgrid: SendGridStandIn
) -> None:
    account_id = house.do(
        lambda uow: (
            add_sender(
                *(uow, "sendgrid", "old@clinic.example"),
                channel="email",
                credentials={"api_key": KEY},
            ).account_id
        )
    )
    owner = house.signed_in("owner")
    assert "Make the address" in owner.get(PAGE).text
    for _ in range(2):
        answer = owner.submit(PAGE, f"{PAGE}/hooks/{account_id}/open")
        assert answer.status_code == 303
    [address] = re.findall(r"/webhooks/sendgrid/([\w-]{32,})/events", owner.get(PAGE).text)
    [hook] = [one for one in house.do(hooks) if one.account_id == account_id]
    assert hook.key == address
