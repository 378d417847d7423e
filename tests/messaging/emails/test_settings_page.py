"""The clinic connects SendGrid on a page, and says where it is."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlmodel import col

from crm.accounts.models import Clinic
from crm.core.runtime import Runtime
from crm.messaging.models import ChannelAccount, Sender
from crm.privacy.models import AuditEntry
from tests.fakes.sendgrid import KEY, SendGridStandIn, serving
from tests.support.houses import House, cheap_app, furnish

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
