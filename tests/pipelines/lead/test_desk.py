"""Notes, calls, tags, details, and who is at a lead."""

import json
import re
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from crm.contacts.models import Address, Contact, ContactAddress
from crm.contacts.search import find_contacts
from crm.core.history import FieldChange
from crm.messaging.models import Communication
from crm.web.language import LANGUAGES, speaking
from pipelines.lead.details import cents_of
from pipelines.lead.models import LeadTag, Note, Tag
from pipelines.models import Lead, Stage, StageCounter
from tests.conftest import Drain
from tests.support.browsing import Browser
from tests.support.houses import PHONE, House

HTMX = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def lead_id(house: House, drain: Drain) -> UUID:
    """A lead whose sequence has sent its first text."""
    found = house.ask(email="robin@vale.example")
    drain()
    return found


def post(browser: Browser, lead_id: UUID, path: str, **fields: str) -> int:
    """Post a form of the lead's page; return the status."""
    page = f"/leads/{lead_id}"
    return int(browser.submit(page, f"{page}/{path}", **fields).status_code)


def test_a_move_that_came_late_shows_where_the_lead_is(house: House, lead_id: UUID) -> None:
    stages = {stage.name: str(stage.id) for stage in house.all(Stage)}
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    assert post(browser, lead_id, "stage", to_stage_id=stages["Contacted"], version="1") == 303
    late = {**browser.guards(page), "to_stage_id": stages["Booked"], "version": "1"}
    answer = browser.post(f"{page}/stage", data=late, headers=HTMX)
    assert answer.status_code == 409
    assert re.search(r'is-here"[^>]*>\s*<span[^>]*>Contacted', answer.text)
    assert "Changed by someone else" in answer.headers["HX-Trigger"]
    # Without scripts one is back on the page, with the reason.
    assert post(browser, lead_id, "stage", to_stage_id=stages["Booked"], version="1") == 303
    assert "Changed by someone else" in browser.get(page).text
    assert post(browser, lead_id, "stage/undo", version="2") == 303
    assert house.stage_of(lead_id) == "New"


def test_a_note_is_kept_encrypted_once_and_removed_and_put_back(
    house: House, lead_id: UUID
) -> None:
    browser, key = house.signed_in(), str(uuid4())
    for _ in range(2):
        assert post(browser, lead_id, "notes", body="Prefers mornings", key=key) == 303
    [note] = house.all(Note)
    assert "mornings" not in note.body
    page = browser.get(f"/leads/{lead_id}?kind=notes").text
    assert "Prefers mornings" in page
    assert "Dana Flores" in page
    assert post(browser, lead_id, f"notes/{note.id}/remove") == 303
    assert "Prefers mornings" not in browser.get(f"/leads/{lead_id}").text
    assert post(browser, lead_id, f"notes/{note.id}/remove", is_undo="true") == 303
    assert "Prefers mornings" in browser.get(f"/leads/{lead_id}").text


def test_an_empty_note_is_refused_at_its_field(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    page = f"/leads/{lead_id}"
    answer = browser.submit(page, f"{page}/notes", body=" ", key=str(uuid4()))
    assert answer.status_code == 422
    assert 'id="note-error"' in answer.text


def test_a_call_is_logged_once_and_is_no_text(house: House, drain: Drain, lead_id: UUID) -> None:
    browser = house.signed_in()
    [phone] = house.all(Address, col(Address.kind) == "phone")
    form = {"outcome": "no-answer", "address_id": str(phone.id), "key": str(uuid4())}
    for _ in range(2):
        assert post(browser, lead_id, "calls", said="Rings out", **form) == 303
    [call] = house.all(Communication, col(Communication.channel) == "voice")
    assert (call.direction, call.provider_status, call.lead_id) == ("out", "no-answer", lead_id)
    page = browser.get(f"/leads/{lead_id}?kind=calls").text
    assert "No answer" in page
    assert "Rings out" in page
    assert post(browser, lead_id, f"calls/{call.id}/remove") == 303
    assert "Rings out" not in browser.get(f"/leads/{lead_id}").text


def test_a_call_tells_nobody_how_to_end_texts(house: House, drain: Drain) -> None:
    lead_id = house.ask("+12125550177", name="Casey Vale", consent=False)
    drain()
    [phone] = house.all(Address, col(Address.value) == "+12125550177")
    form = {"outcome": "completed", "address_id": str(phone.id), "key": str(uuid4())}
    browser = house.signed_in()
    assert post(browser, lead_id, "calls", **form) == 303
    assert post(browser, lead_id, "messages", body="As we said", key=str(uuid4())) == 303
    drain()
    first = house.sent("+12125550177")[-1]
    assert first.startswith("Riverside Dental: As we said")
    assert "Reply STOP to opt out" in first


def test_a_call_with_a_foreign_phone_is_unknown(
    house: House, other_house: House, lead_id: UUID
) -> None:
    other_house.ask()
    [foreign] = other_house.all(Address, col(Address.kind) == "phone")
    house.ask("+12125550177", name="Casey Vale")
    [others] = house.all(Address, col(Address.value) == "+12125550177")
    for phone in (foreign, others):
        form = {"outcome": "busy", "address_id": str(phone.id), "key": str(uuid4())}
        assert post(house.signed_in(), lead_id, "calls", **form) == 404


def test_a_tag_is_one_word_however_it_is_written(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    for name in ("Nervous", " nervous ", "NERVOUS"):
        assert post(browser, lead_id, "tags", name=name) == 303
    [tag] = house.all(Tag)
    assert tag.name == "Nervous"
    assert len(house.all(LeadTag)) == 1
    assert "Nervous" in browser.get(f"/leads/{lead_id}").text
    # The second one put nothing on, so there is nothing to take back.
    fields = {**browser.guards(f"/leads/{lead_id}"), "name": "nervous"}
    answer = browser.post(f"/leads/{lead_id}/tags", data=fields, headers=HTMX)
    assert "undo" not in json.loads(answer.headers["HX-Trigger"])["toast"]
    assert post(browser, lead_id, f"tags/{tag.id}/remove") == 303
    assert house.all(LeadTag) == []
    assert post(browser, lead_id, f"tags/{tag.id}/remove", is_undo="true") == 303
    assert len(house.all(LeadTag)) == 1
    assert house.events("lead.")[-4:] == [
        "lead.created",
        "lead.tagged",
        "lead.untagged",
        "lead.tagged",
    ]


@pytest.mark.parametrize("name", ["", "!!!", "x" * 41])
def test_what_is_no_tag_is_refused(house: House, lead_id: UUID, name: str) -> None:
    assert post(house.signed_in(), lead_id, "tags", name=name) == 422


def contact(house: House) -> Contact:
    """Return the only contact."""
    [found] = house.all(Contact)
    return found


def test_a_new_name_is_found_and_the_old_one_is_not(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    version = str(contact(house).version)
    assert post(browser, lead_id, "details/name", value="Robyn Hale", version=version) == 303
    assert contact(house).name == "Robyn Hale"
    assert house.do(find_contacts, "robyn hale") == [contact(house).id]
    assert house.do(find_contacts, "vale") == []
    assert {one.field for one in house.all(FieldChange)} == {"name"}


def test_who_saw_an_older_version_keeps_what_he_typed(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    seen = str(contact(house).version)
    assert post(browser, lead_id, "details/name", value="Robyn Hale", version=seen) == 303
    page = f"/leads/{lead_id}"
    answer = browser.submit(page, f"{page}/details/name", value="Robin Dale", version=seen)
    assert answer.status_code == 409
    assert 'value="Robin Dale"' in answer.text
    assert "Somebody changed this meanwhile." in answer.text
    assert "It is now: Robyn Hale." in answer.text
    assert contact(house).name == "Robyn Hale"
    # The form brings the version that he has now seen.
    again = str(contact(house).version)
    assert f'name="version" value="{again}"' in answer.text
    assert post(browser, lead_id, "details/name", value="Robin Dale", version=again) == 303


def test_another_phone_takes_the_place_of_the_old_one(
    house: House, drain: Drain, lead_id: UUID
) -> None:
    browser = house.signed_in()
    [old] = house.all(Address, col(Address.kind) == "phone")
    form = {"value": "(212) 555-0188", "address_id": str(old.id), "version": "1"}
    assert post(browser, lead_id, "details/phone", **form) == 303
    [new] = house.all(Address, col(Address.value) == "+12125550188")
    linked = {one.address_id for one in house.all(ContactAddress)}
    assert new.id in linked
    assert old.id not in linked
    assert house.do(find_contacts, "0188") == [contact(house).id]
    assert house.do(find_contacts, "0142") == []
    # The opt-out of a number stays with the number.
    assert post(browser, lead_id, "messages", body="Is this you?", key=str(uuid4())) == 303
    drain()
    assert "Is this you?" in house.sent("+12125550188")[-1]


def test_a_person_keeps_one_way_to_be_reached(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    [phone] = house.all(Address, col(Address.kind) == "phone")
    [email] = house.all(Address, col(Address.kind) == "email")
    assert post(browser, lead_id, "details/phone", value="", address_id=str(phone.id)) == 303
    assert post(browser, lead_id, "details/email", value="", address_id=str(email.id)) == 422
    assert (
        post(browser, lead_id, "details/email", value="no address", address_id=str(email.id)) == 422
    )
    assert PHONE not in browser.get(f"/leads/{lead_id}").text


@pytest.mark.parametrize("sent", ["z" * 36, "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", "7"])
def test_what_is_no_id_of_an_address_is_refused(house: House, lead_id: UUID, sent: str) -> None:
    assert post(house.signed_in(), lead_id, "details/phone", value="", address_id=sent) == 422


def test_value_counts_on_the_board_and_an_owner_works_here(house: House, lead_id: UUID) -> None:
    browser = house.signed_in()
    assert post(browser, lead_id, "details/value", value="$4,800", version="1") == 303
    [lead] = house.all(Lead)
    assert (lead.value_cents, lead.version) == (480_000, 2)
    [counter] = house.all(StageCounter, col(StageCounter.id) == lead.stage_id)
    assert (counter.leads, counter.value_cents) == (1, 480_000)
    assert post(browser, lead_id, "details/owner", value=str(uuid4()), version="2") == 422
    me = house.do(lambda uow: uow.session.scalars(select(Note.author_id)).all())
    assert me == []
    post(browser, lead_id, "notes", body="x", key=str(uuid4()))
    [note] = house.all(Note)
    assert post(browser, lead_id, "details/owner", value=str(note.author_id), version="2") == 303
    assert "Dana Flores" in browser.get(f"/leads/{lead_id}").text
    assert post(browser, lead_id, "details/value", value="1", version="2") == 409


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("$4,800", 480_000), ("12.50", 1_250), ("", 0), ("0", 0), ("1 000", 100_000)],
)
def test_amounts_are_read_as_people_type_them(typed: str, cents: int) -> None:
    for language in LANGUAGES:
        with speaking(language):
            assert cents_of(typed) == cents


def test_two_at_a_lead_see_each_other(house: House, lead_id: UUID) -> None:
    dana, olivia = house.signed_in(), house.signed_in("owner")
    page = f"/leads/{lead_id}"
    dana.submit(page, f"{page}/here")
    assert "Dana Flores is here, too" in olivia.get(page).text
    assert "Dana Flores is here, too" not in dana.get(page).text
    house.runtime.clock.advance(minutes=2)
    assert "Dana Flores is here, too" not in olivia.get(page).text


def test_without_the_right_nothing_is_written(house: House, lead_id: UUID) -> None:
    browser = house.signed_in("provider")
    for path in ("notes", "tags", "calls", "details/name", "messages", "draft"):
        assert post(browser, lead_id, path, body="x", name="x", value="x", key=str(uuid4())) == 403
    assert "details/name" not in browser.get(f"/leads/{lead_id}").text


def test_the_timeline_goes_on_below_and_by_kind(house: House, drain: Drain, lead_id: UUID) -> None:
    for number in range(45):
        house.receive(f"Message {number}.")
    drain()
    browser = house.signed_in()
    page = browser.get(f"/leads/{lead_id}?kind=texts").text
    assert "Message 44." in page
    assert "Message 2." not in page
    older = page.split("before=")[1].split('"')[0]
    more = browser.get(f"/leads/{lead_id}/timeline?kind=texts&before={older}", headers=HTMX).text
    assert "Message 2." in more
    assert "Message 44." not in more
    assert "Message 44." not in browser.get(f"/leads/{lead_id}?kind=notes").text


def test_parts_come_fresh_without_what_is_typed_into(house: House, lead_id: UUID) -> None:
    told = house.signed_in().get(f"/leads/{lead_id}/fresh", headers=HTMX).text
    assert 'id="timeline-new"' in told
    assert 'id="lead-head"' in told
    assert 'id="write"' not in told
    assert 'id="lead-details"' not in told
