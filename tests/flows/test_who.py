"""A lead's page says who did things, and that somebody opted out, since when and how."""

import re
from html import unescape

import pytest
from sqlmodel import col

from automations.sequences import load_automation
from crm.compliance.actions import suppress
from crm.contacts.models import Address
from pipelines.models import Lead, LostReason
from tests.conftest import Drain
from tests.support.houses import PHONE, House

SORTER = {
    "name": "Sorter",
    "trigger": {"kind": "lead_created"},
    "steps": [{"kind": "wait_for", "hours": 1}, {"kind": "move_stage", "stage": "Contacted"}],
}


def plain(html: str) -> str:
    """Return what a piece of a page says, without its marks."""
    return unescape(" ".join(re.sub("<[^>]*>", " ", html).split()))


def test_each_entry_of_the_timeline_says_who_did_it(house: House, drain: Drain) -> None:
    house.do(load_automation, SORTER)
    house.fill_form()
    drain()
    house.runtime.clock.advance(hours=1)
    drain()
    house.receive("Tuesday, please")
    house.receive("HELP")
    drain()
    lead_id = house.ask()
    assert lead_id == house.all(Lead)[0].id
    house.move(lead_id, "Lost", lost_reason_id=str(house.all(LostReason)[0].id))

    page = house.page(f"/leads/{lead_id}")
    heads = re.findall(r'<div class="moment-head">(.*?)<span class="moment-time">', page, re.DOTALL)
    told = [plain(head) for head in heads]

    def who(title: str) -> set[str]:
        return {one.rpartition(" by ")[2] for one in told if one.startswith(title)}

    assert who("Moved from Contacted to Lost") == {"Dana Flores"}
    assert who("Moved from New to Contacted") == {"the sequence “Sorter”"}
    assert who("Text received") == {"the patient"}
    assert who("Text Sent") == {"the sequence “New request follow-up”", "Frontdesk"}
    assert who("Asked for an appointment") == {"the patient"}
    assert who("Asked again") == {"the API key “Demo”"}
    assert page.count("Sorter") == page.count("“Sorter”") + page.count("<h3>Sorter")


def details(house: House) -> str:
    """Return what the lead's page says of the person's consent."""
    page = house.page(f"/leads/{house.all(Lead)[0].id}")
    return plain(page[page.index('<section id="lead-consent"') :].split("</dl>")[0])


def test_the_details_say_that_somebody_texted_stop_and_that_they_opted_in_again(
    house: House, drain: Drain
) -> None:
    house.ask(email="robin@vale.example")
    drain()
    assert "Opted out" not in details(house)
    house.receive("STOP")
    assert details(house).count("Opted out") == 1
    assert "All texts Opted out 10:00 am they texted STOP" in details(house)
    house.receive("START")
    assert "Opted out" not in details(house)


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        ("provider_opted_out", "the provider says so: please ask them"),
        ("told_staff", "they told the clinic"),
        ("imported", "recorded by the clinic"),
    ],
)
def test_the_details_say_how_an_opt_out_is_known(house: House, reason: str, how: str) -> None:
    house.ask()
    [address] = house.all(Address, col(Address.value) == PHONE)
    house.do(suppress, address.id, "sms", reason)
    assert "they texted STOP" not in details(house)
    assert how in details(house)
