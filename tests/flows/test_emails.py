"""A request's follow-up by text and by email, read in the sandbox, and how somebody ends it."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col

from automations.models import Automation, Enrollment, StepRun
from automations.sequences import load_automation, resume
from crm.accounts.models import Clinic
from crm.compliance.models import Consent, Suppression
from crm.contacts.models import Address
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template
from crm.messaging.models import Communication
from tests.conftest import Drain
from tests.flows.test_one_voice import only
from tests.support.browsing import Browser
from tests.support.houses import PHONE, House

EMAIL = "robin@vale.example"
BOTH = "Both"
SUBJECT = "Your request at {{ clinic_name }}"
BODY = "Hello {{ first_name | default: 'there' }},\n\nwe are glad to help.\n{{ clinic_name }}"
WAIT = {"kind": "wait_for", "days": 1}
TEXT = {"kind": "send_text", "template": "Text"}
MAIL = {"kind": "send_email", "template": "Mail"}


def follow_up(house: House, *steps: Mapping[str, Any], message_class: str = "care") -> None:
    """Let a sequence of these steps alone follow each request."""

    def make(uow: UnitOfWork) -> None:
        add_template(uow, "Text", {"en": "How are you?"})
        words = {"en": BODY, "es": "Hola {{ first_name | default: 'usted' }}"}
        subjects = {"en": SUBJECT, "es": "Su solicitud"}
        add_template(uow, "Mail", words, message_class, subjects)
        document = {"name": BOTH, "trigger": {"kind": "lead_created"}, "steps": list(steps)}
        load_automation(uow, document)

    house.do(make)
    only(house, BOTH)


def emails(house: House) -> list[Communication]:
    return house.all(Communication, col(Communication.channel) == "email")


def decrypted(house: House, email: Communication, name: str) -> str:
    return house.do(lambda uow: uow.decrypt(email.id, getattr(email, name)))  # type: ignore[no-any-return]


def way_out(house: House, email: Communication) -> str:
    """Return the path of an email's own way out, as its reader finds it."""
    found = re.search(r"https://testserver(/u/[0-9a-f]+)", decrypted(house, email, "body"))
    assert found
    return found[1]


def sent_by_follow_up(house: House, channel: str) -> int:
    passages = {one.id for one in house.enrollments(BOTH)}
    return len(
        [
            row
            for row in house.all(Communication, col(Communication.channel) == channel)
            if row.origin_id in passages and row.status in ("sent", "delivered")
        ]
    )


def test_a_request_is_answered_by_text_and_email_and_unsubscribing_ends_the_emails_alone(
    house: House, drain: Drain
) -> None:
    follow_up(house, TEXT, WAIT, MAIL, WAIT, TEXT, MAIL, WAIT, TEXT)
    lead_id = house.ask(email=EMAIL)
    drain()
    assert (sent_by_follow_up(house, "sms"), emails(house)) == (1, [])
    house.set_clock("2027-02-03 10:30")
    drain()

    [email] = emails(house)
    assert email.status == "sent"
    [consent] = house.all(Consent, col(Consent.channel) == "email")
    assert (email.consent_id, consent.tier, consent.purpose) == (consent.id, "express", "care")
    desk = house.signed_in()
    box = desk.get("/sandbox").text
    assert EMAIL in box
    assert "Your request at Riverside Dental" in box
    shown = desk.get(f"/sandbox/emails/{email.id}")
    assert "Hello Robin" in shown.text
    assert shown.headers["content-security-policy"].startswith("sandbox allow-popups ")
    # Its links lead out of the frame, in the sandbox alone.
    assert '<base target="_blank">' in shown.text
    assert "<base" not in decrypted(house, email, "html")
    assert "12 Water Street" in shown.text

    # What mail programs and scanners do first: they look, and nothing comes of it.
    reader, path = house.visitor(), way_out(house, email)
    assert reader.get(path).status_code == 200
    assert house.all(Suppression) == []
    ended = reader.post(path, data={"List-Unsubscribe": "One-Click"})
    assert (ended.status_code, ended.history) == (200, [])
    [closed] = house.all(Suppression)
    assert (closed.channel, closed.reason, closed.communication_id) == (
        *("email", "unsubscribed"),
        email.id,
    )

    for day in ("2027-02-04 11:00", "2027-02-05 11:30", "2027-02-06 12:00"):
        house.set_clock(day)
        drain()
    assert sent_by_follow_up(house, "sms") == 3
    assert sent_by_follow_up(house, "email") == 1
    assert [row.reason for row in emails(house)] == [None, "suppressed"]
    page = house.page(f"/leads/{lead_id}")
    assert "This email address opted out." in page
    # The email is read below its subject; the reader's own way out is not there.
    assert "we are glad to help" in page
    assert "/u/" not in page
    assert "Why this email?" in page
    assert "Consent withdrawn" in page
    assert page.count("They do not agree") == 1
    why = house.page(f"/texts/{email.id}/why")
    assert "They gave this address with their request" in why
    assert "Your request at Riverside Dental" in page


def test_unsubscribing_withdraws_what_waits_and_ends_what_speaks_by_email_alone(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL, WAIT, MAIL, WAIT, MAIL)
    house.ask(email=EMAIL)
    drain()
    house.set_clock("2027-02-03 10:30")
    house.do(_hold)
    drain()
    first, held = emails(house)
    assert (first.status, held.status, held.held_reason) == ("sent", "queued", "hold")

    house.visitor().post(way_out(house, first))
    assert [row.status for row in emails(house)] == ["sent", "voided"]
    drain()
    assert {one.exit_reason for one in house.enrollments(BOTH)} == {"opted_out"}


def _hold(uow: UnitOfWork) -> None:
    uow.session.get_one(Clinic, uow.clinic_id).is_holding_sends = True


def test_stop_by_text_does_not_close_the_mailbox_and_a_new_request_opens_neither(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL)
    house.ask(email=EMAIL)
    drain()
    [email] = emails(house)
    house.visitor().post(way_out(house, email))
    house.ask(email=EMAIL)
    house.ask("+12125550188", email=EMAIL, name="Sam Other")
    drain()
    assert [row.status for row in emails(house)][1:] in ([], ["blocked"], ["blocked", "blocked"])
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1


def test_somebody_without_an_email_address_is_passed_over(house: House, drain: Drain) -> None:
    follow_up(house, MAIL, TEXT)
    house.ask()
    drain()
    mine = {one.id for one in house.all(Enrollment)}
    runs = [run for run in house.all(StepRun) if run.enrollment_id in mine]
    [skipped] = [run for run in runs if run.kind == "send_email"]
    assert skipped.outcome["skipped"] == "no_email"
    assert sent_by_follow_up(house, "sms") == 1


def test_marketing_needs_an_agreement_in_writing_which_the_page_takes_with_its_words(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL, message_class="marketing")
    house.ask(email=EMAIL)
    drain()
    [email] = emails(house)
    assert (email.status, email.reason) == ("blocked", "no_consent")


def test_an_email_leaves_at_night_when_a_text_waits(house: House, drain: Drain) -> None:
    follow_up(house, MAIL, TEXT)
    house.set_clock("2027-02-02 23:00")
    house.ask(email=EMAIL)
    drain()
    [email] = emails(house)
    assert email.status == "sent"
    assert sent_by_follow_up(house, "sms") == 0


def test_the_page_is_answered_in_the_language_in_which_it_was_read(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL)
    house.ask(email=EMAIL)
    drain()
    [email] = emails(house)
    reader, path = house.visitor(), way_out(house, email)
    page = reader.get(f"{path}?lang=es").text
    version = re.search(r'name="wording_version" value="([0-9a-f]+)"', page)
    actions = set(re.findall(r'<form method="post" action="([^"]+)"', page))
    assert version
    assert actions == {f"{path}?lang=es", f"{path}/choose?lang=es"}

    sent = {"choice": "all", "wording_version": version[1]}
    answer = reader.post(f"{path}/choose?lang=es", data=sent)
    assert answer.status_code == 303
    assert "lang=es" in answer.headers["location"]


def chosen(browser: Browser, path: str, choice: str) -> Any:
    page = browser.get(path)
    version = re.search(r'name="wording_version" value="([0-9a-f]+)"', page.text)
    assert version
    sent = {"choice": choice, "wording_version": version[1]}
    return browser.post(f"{path}/choose", data=sent)


def test_the_preference_page_keeps_each_choice_with_its_proof_and_takes_it_back(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL)
    house.ask(email=EMAIL)
    drain()
    [email] = emails(house)
    reader, path = house.visitor(), way_out(house, email)

    answer = chosen(reader, path, "all")
    assert answer.status_code == 303
    assert "was=care" in answer.headers["location"]
    assert "Undo" in reader.get(answer.headers["location"]).text
    [offers] = house.all(Consent, col(Consent.purpose) == "marketing")
    assert (offers.tier, offers.channel, offers.source) == ("written", "email", "preferences")
    assert offers.wording_id is not None
    chosen(reader, path, "none")
    chosen(reader, path, "care")
    assert house.all(Suppression, col(Suppression.lifted_at).is_(None)) == []
    last: dict[str, str] = {
        one.purpose: one.action for one in house.all(Consent, col(Consent.channel) == "email")
    }
    assert last == {"care": "granted", "marketing": "revoked"}
    stale = reader.post(f"{path}/choose", data={"choice": "all", "wording_version": "0"})
    assert stale.status_code == 409
    spanish = reader.get(f"{path}?lang=es").text
    assert "Cancelar la suscripción" in spanish
    assert EMAIL not in spanish


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_token_that_nobody_was_given_opens_nothing(house: House, method: str) -> None:
    for token in ("0" * 64, str(UUID(int=7)), "x"):
        assert getattr(house.visitor(), method)(f"/u/{token}").status_code == 404


def test_two_clinics_never_meet(house: House, other_house: House, drain: Drain) -> None:
    for one in (house, other_house):
        follow_up(one, MAIL)
        one.ask(email=EMAIL)
    drain()
    [ours], [theirs] = emails(house), emails(other_house)
    assert way_out(house, ours) != way_out(other_house, theirs)
    house.visitor().post(way_out(house, ours))
    assert len(house.all(Suppression)) == 1
    assert other_house.all(Suppression) == []
    assert other_house.signed_in().get(f"/sandbox/emails/{ours.id}").status_code == 404


def test_an_email_of_one_sequence_takes_the_place_of_no_text_of_another(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL)
    for automation in house.all(Automation):
        house.do(resume, automation.id)
    house.ask(email=EMAIL)
    drain()
    assert [email.status for email in emails(house)] == ["sent"]
    assert len(house.sent(PHONE)) == 1


def test_who_tells_the_clinic_gets_no_more_emails_and_undoes_it_by_the_link_of_one(
    house: House, drain: Drain
) -> None:
    follow_up(house, MAIL, WAIT, MAIL)
    lead_id = house.ask(email=EMAIL)
    drain()
    [email] = emails(house)
    [address] = house.all(Address, col(Address.value) == EMAIL)
    page = f"/leads/{lead_id}"
    assert "Emails about care" in house.page(page)
    asked = {"address_id": str(address.id), "asked_by": "phone"}
    for _ in range(2):
        answer = house.signed_in().submit(page, f"{page}/opt-out", **asked)
        assert answer.status_code == 303
    drain()

    [closed] = house.all(Suppression)
    assert (closed.channel, closed.reason) == ("email", "told_staff")
    revoked = house.all(Consent, col(Consent.action) == "revoked")
    assert sorted((one.channel, one.purpose, one.source) for one in revoked) == [
        ("email", "care", "staff"),
        ("email", "marketing", "staff"),
    ]
    [passage] = house.enrollments(BOTH)
    assert (passage.state, passage.exit_reason) == ("ended", "opted_out")
    shown = house.page(page)
    assert "they told the clinic" in shown
    assert "They asked us to stop emails" not in shown
    assert "They asked us to stop texts" in shown

    # Asking again lifts nothing; their own choice does.
    house.ask(email=EMAIL)
    drain()
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1
    assert chosen(house.visitor(), way_out(house, email), "care").status_code == 303
    assert house.all(Suppression, col(Suppression.lifted_at).is_(None)) == []
