"""STOP, START and HELP: at once, once, and for everything that is automated."""

import json
from uuid import UUID

from sqlmodel import col

from crm.accounts.models import Role
from crm.compliance.actions import suppress
from crm.compliance.models import Consent, Suppression
from crm.contacts.models import Address
from crm.privacy.queries import audit_entries
from tests.conftest import Drain
from tests.support.houses import PHONE, House


def test_stop_ends_everything_and_is_confirmed_once(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    house.receive("STOP")
    house.receive("stop")
    drain()

    [enrollment] = house.enrollments()
    assert (enrollment.state, enrollment.exit_reason) == ("ended", "opted_out")
    [first, answer] = house.sent(PHONE)
    assert "You will get no more texts from us" in answer
    assert "Riverside Dental" in answer
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1
    revoked = house.all(Consent, col(Consent.action) == "revoked")
    assert {one.purpose for one in revoked} == {"care", "marketing"}
    page = house.page(f"/leads/{lead_id}")
    assert "STOP" in page
    assert first in house.texts(PHONE)[0].body

    house.runtime.clock.advance(days=10)
    drain()
    assert len(house.texts(PHONE)) == 2


def test_stop_voids_what_waits_for_the_morning(house: House, drain: Drain) -> None:
    house.set_clock("2027-02-02 22:00")
    lead_id = house.ask()
    drain()
    house.receive("Stop.")
    drain()
    held, answer = house.texts(PHONE)
    assert (held.row.status, held.row.reason) == ("voided", "suppressed")
    # The confirmation is the one text that leaves at night: it is asked for and due at once.
    assert answer.row.message_class == "system"
    assert house.sent(PHONE) == [answer.body]
    assert "This number opted out." in house.page(f"/leads/{lead_id}")


def test_start_lifts_a_stop_and_yes_does_not(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    house.receive("STOP")
    drain()
    house.receive("YES")
    drain()
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1
    assert len(house.sent(PHONE)) == 2

    house.receive("START")
    drain()
    assert house.all(Suppression, col(Suppression.lifted_at).is_(None)) == []
    assert "You will get our texts again" in house.sent(PHONE)[-1]
    # What had ended stays ended; a new request starts again.
    house.runtime.clock.advance(days=10)
    drain()
    assert len(house.texts(PHONE)) == 3


def test_who_stopped_is_not_texted_for_a_new_request_and_the_lead_says_why(
    house: House, drain: Drain
) -> None:
    house.ask()
    drain()
    house.receive("STOP")
    drain()
    lead_id = house.ask(service="Orthodontics")
    house.move(lead_id, "Contacted")
    drain()
    house.runtime.clock.advance(days=2)
    drain()
    last = house.texts(PHONE)[-1]
    assert (last.row.status, last.row.reason) == ("blocked", "suppressed")
    assert "This number opted out." in house.page(f"/leads/{lead_id}")


def test_help_is_answered_and_ends_nothing(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    house.receive("HELP")
    drain()
    assert "For help, contact us at" in house.sent(PHONE)[-1]
    assert [one.state for one in house.enrollments()] == ["live"]


def test_a_copy_of_a_text_changes_nothing(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    one = house.receive("STOP", provider_id="SM1")
    assert house.receive("STOP", provider_id="SM1") == one
    drain()
    assert len(house.texts(direction="in")) == 1
    assert len(house.sent(PHONE)) == 2


def ask_to_stop(
    house: House, lead_id: UUID, phone: str = PHONE, role: Role = "front_desk", **fields: str
) -> int:
    """Write down on a lead's page that the patient asked to stop texts; return the status."""
    [address] = house.all(Address, col(Address.value) == phone)
    page = f"/leads/{lead_id}"
    asked = {"address_id": str(address.id), "asked_by": "phone", **fields}
    return int(house.signed_in(role).submit(page, f"{page}/opt-out", **asked).status_code)


def revocations(house: House) -> list[tuple[str, str, str]]:
    """Return purpose, source and whose word the ledger's revocations are."""
    revoked = house.all(Consent, col(Consent.action) == "revoked")
    return sorted((one.purpose, one.source, one.principal_kind) for one in revoked)


def test_who_asks_on_the_phone_is_heeded_as_if_he_had_texted_stop(
    house: House, drain: Drain
) -> None:
    house.set_clock("2027-02-02 22:00")
    lead_id = house.ask()
    drain()
    assert "They asked us to stop" in house.page(f"/leads/{lead_id}")
    assert ask_to_stop(house, lead_id, words="Quit bugging me") == 303
    assert ask_to_stop(house, lead_id) == 303
    drain()
    [enrollment] = house.enrollments()
    assert (enrollment.state, enrollment.exit_reason) == ("ended", "opted_out")
    [held] = house.texts(PHONE)
    assert (held.row.status, held.row.reason) == ("voided", "suppressed")
    [suppression] = house.all(Suppression, col(Suppression.lifted_at).is_(None))
    assert suppression.reason == "told_staff"
    assert revocations(house) == [("care", "staff", "user"), ("marketing", "staff", "user")]
    revoked = house.all(Consent, col(Consent.action) == "revoked")
    evidence = house.do(lambda uow: [uow.decrypt(one.id, one.evidence or "") for one in revoked])
    for one in evidence:
        assert json.loads(one) == {"asked_by": "phone", "words": "Quit bugging me"}
    [entry] = house.do(lambda uow: audit_entries(uow, actions=["address.opted_out"]))
    assert (entry.principal_kind, entry.object_id) == ("user", suppression.address_id)
    assert entry.details["asked_by"] == "phone"
    page = house.page(f"/leads/{lead_id}")
    assert "they told the clinic" in page
    assert "They asked us to stop" not in page


def test_only_their_own_start_lifts_what_they_told_the_clinic(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    assert ask_to_stop(house, lead_id, asked_by="in_person") == 303
    house.ask()
    house.receive("YES")
    drain()
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1
    assert len(house.sent(PHONE)) == 1
    house.receive("START")
    drain()
    assert house.all(Suppression, col(Suppression.lifted_at).is_(None)) == []


def test_a_word_of_the_providers_becomes_theirs_once_they_are_asked(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    drain()
    [address] = house.all(Address, col(Address.value) == PHONE)
    house.do(suppress, address.id, "sms", "provider_opted_out")
    assert revocations(house) == []
    assert "They asked us to stop" in house.page(f"/leads/{lead_id}")
    assert ask_to_stop(house, lead_id) == 303
    assert len(revocations(house)) == 2
    assert "they told the clinic" in house.page(f"/leads/{lead_id}")


def test_an_agreement_on_a_form_after_a_stop_is_taken_back_too(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    house.receive("STOP")
    lead_id = house.ask()
    drain()
    assert ask_to_stop(house, lead_id) == 303
    assert [source for _, source, _ in revocations(house)].count("staff") == 2
    assert ask_to_stop(house, lead_id) == 303
    assert [source for _, source, _ in revocations(house)].count("staff") == 2
    assert len(house.all(Suppression)) == 1


def test_only_an_address_of_the_lead_can_be_named_and_only_by_the_desk(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask(email="robin@vale.example")
    house.ask("+12125550177", name="Casey Vale")
    assert ask_to_stop(house, lead_id, "+12125550177") == 404
    house.ask("+12125550178", name="Casey Vale", email="casey@vale.example")
    assert ask_to_stop(house, lead_id, "casey@vale.example") == 404
    assert ask_to_stop(house, lead_id, role="marketer") == 403
    assert ask_to_stop(house, lead_id, asked_by="guess") == 422
    assert "They asked us to stop" not in house.page(f"/leads/{lead_id}", "marketer")
    assert house.all(Suppression) == []
    assert revocations(house) == []
