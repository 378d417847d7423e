"""`/settings/texts`: the clinic's switch, its accounts, and who switched what."""

from uuid import uuid4

import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from crm.accounts.models import Clinic, Role
from crm.messaging.actions import pause_account
from crm.messaging.models import ChannelAccount, Sender, Template
from crm.messaging.settling import filtered
from crm.privacy.queries import audit_entries
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.support.houses import NEW_YORK, PHONE, House

__all__ = ["app", "house", "other_house"]

PAGE = "/settings/texts"


def press(house: House, what: str, role: Role = "manager") -> int:
    """Press a button of the page; return the answer's status."""
    return int(house.signed_in(role).submit("/pipeline", f"{PAGE}/{what}").status_code)


def accounts(house: House) -> list[ChannelAccount]:
    """Return the accounts that texts leave through."""
    return house.all(ChannelAccount, col(ChannelAccount.channel) == "sms")


def is_holding(house: House) -> bool:
    """Return how the clinic's switch stands."""
    switch = select(Clinic.is_holding_sends).where(col(Clinic.id) == house.clinic)
    return bool(house.do(lambda uow: uow.session.scalars(switch).one()))


def acts(house: House) -> list[tuple[str, str]]:
    """Return what is on record, the first act first."""
    entries = house.do(lambda uow: audit_entries(uow, limit=500))
    kinds = ("sends.", "account.", "template.")
    return [(e.action, e.principal_kind) for e in reversed(entries) if e.action.startswith(kinds)]


def test_what_is_held_waits_and_leaves_once_it_is_released(house: House, drain: Drain) -> None:
    page = house.page(PAGE, "owner")
    assert "Hold all automated texts" in page
    assert "Nothing was held or paused yet." in page
    assert press(house, "hold") == press(house, "hold") == 303
    lead_id = house.ask()
    drain()
    assert house.sent() == []
    assert "The clinic holds all automated texts." in house.page(f"/leads/{lead_id}")
    page = house.page(PAGE, "manager")
    assert "Release them" in page
    assert "Texts were held" in page
    assert press(house, "release") == press(house, "release") == 303
    drain()
    assert len(house.sent(PHONE)) == 1
    assert acts(house) == [("sends.held", "user"), ("sends.released", "user")]


def test_a_paused_account_says_why_and_is_resumed(house: House, drain: Drain) -> None:
    [account] = accounts(house)
    for _ in range(2):
        house.do(pause_account, account.id, "20003")
    house.ask()
    drain()
    assert house.sent() == []
    page = house.page(PAGE, "manager")
    assert "The provider refused the account" in page
    assert "<code>20003</code>" in page
    assert "Frontdesk itself" in page
    assert press(house, f"accounts/{account.id}/resume") == 303
    assert press(house, f"accounts/{account.id}/resume") == 303
    drain()
    assert len(house.sent(PHONE)) == 1
    assert acts(house) == [("account.paused", "system"), ("account.resumed", "user")]
    assert "20003" in house.page(PAGE, "manager")  # It stays on record.


NUMBER, WORDS = "a number is paused", "a template is paused"


def filter_words(house: House) -> Template:
    """Let carriers filter the template that spoke first; return it."""
    [first, *_] = house.texts()
    house.do(filtered._pause, first.row.template_version_id)
    [template] = house.all(Template, col(Template.paused_version_id).is_not(None))
    return template


def test_a_paused_template_says_why_and_since_when_and_is_resumed(
    house: House, drain: Drain
) -> None:
    house.ask()
    drain()
    template = filter_words(house)
    lead_id = house.ask("+12125550177", name="Casey Vale")
    drain()
    assert house.sent("+12125550177") == []
    assert "Carriers filter the words" in house.page(f"/leads/{lead_id}")
    page = house.page(PAGE, "manager")
    assert template.name in page
    assert "<code>30007</code>" in page
    assert "A template was paused" in page
    assert template.paused_at is not None
    assert template.paused_at.astimezone(NEW_YORK).isoformat(timespec="seconds") in page
    assert press(house, f"templates/{template.id}/resume") == 303
    assert press(house, f"templates/{template.id}/resume") == 303
    drain()
    assert len(house.sent("+12125550177")) == 1
    assert "Paused templates" not in house.page(PAGE, "manager")
    assert acts(house) == [("template.paused", "system"), ("template.resumed", "user")]


def test_resuming_a_template_lets_only_its_own_texts_go(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    template = filter_words(house)
    house.ask("+12125550177", name="Casey Vale")
    drain()
    [other] = house.all(Template, col(Template.id) != template.id)[:1]
    browser = house.signed_in("owner")
    browser.submit(PAGE, f"{PAGE}/templates/{other.id}/resume")
    assert "Held ones: 0." in browser.get(PAGE).text
    browser.submit(PAGE, f"{PAGE}/templates/{template.id}/resume")
    assert "Held ones: 1." in browser.get(PAGE).text


def test_whoever_can_release_is_told_on_every_page_that_all_is_held(house: House) -> None:
    words, board = "The clinic holds all automated texts.", "/pipeline"
    assert words not in house.page(board, "owner")
    assert press(house, "hold") == 303
    assert words in house.page(board, "owner")
    assert words not in house.page(board, "front_desk")
    assert press(house, "release") == 303
    assert words not in house.page(board, "owner")


def test_whoever_can_resume_is_told_on_every_page(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    browser = house.signed_in("owner")
    assert "Texts are held back" not in browser.get("/pipeline").text
    template = filter_words(house)
    assert WORDS in browser.get("/pipeline").text
    [account] = accounts(house)
    house.do(pause_account, account.id, "20003")
    for page in ("/pipeline", "/sequences", "/settings/work", PAGE):
        html = browser.get(page).text
        assert NUMBER in html, page
        assert f'<a href="{PAGE}">' in html
    assert press(house, f"accounts/{account.id}/resume") == 303
    assert press(house, f"templates/{template.id}/resume") == 303
    assert "Texts are held back" not in browser.get("/pipeline").text


def test_the_banner_speaks_the_readers_language(house: House) -> None:
    [account] = accounts(house)
    house.do(pause_account, account.id, "20003")
    html = house.signed_in("owner").get("/pipeline?lang=es").text
    assert "hay un número en pausa" in html


def test_a_clinic_without_a_number_says_so(house: House) -> None:
    house.do(lambda uow: uow.session.execute(delete(Sender)))
    house.do(lambda uow: uow.session.execute(delete(ChannelAccount)))
    assert "No number is connected." in house.page(PAGE, "manager")


@pytest.mark.parametrize("role", ["front_desk", "marketer", "provider"])
def test_only_the_management_may(house: House, role: Role) -> None:
    [account] = accounts(house)
    house.do(pause_account, account.id, "30034")
    assert house.signed_in(role).get(PAGE).status_code == 403
    assert "Texts are held back" not in house.page("/pipeline", role)
    [template, *_] = house.all(Template)
    buttons = (f"accounts/{account.id}/resume", f"templates/{template.id}/resume")
    for what in ("hold", "release", *buttons):
        assert press(house, what, role) == 403
    assert not is_holding(house)
    assert accounts(house)[0].is_paused


def test_one_clinic_switches_nothing_of_another(house: House, other_house: House) -> None:
    [account] = accounts(house)
    house.do(pause_account, account.id, "30034")
    [template, *_] = house.all(Template)
    for account_id in (account.id, uuid4()):
        assert press(other_house, f"accounts/{account_id}/resume", "owner") == 404
    for template_id in (template.id, uuid4()):
        assert press(other_house, f"templates/{template_id}/resume", "owner") == 404
    assert "Texts are held back" not in other_house.page("/pipeline", "owner")
    assert press(other_house, "hold", "owner") == 303
    assert (is_holding(house), is_holding(other_house)) == (False, True)
    assert accounts(house)[0].is_paused
    assert "30034" not in other_house.page(PAGE, "owner")


def test_the_clinic_sets_how_much_automated_writing_a_person_gets(house: House) -> None:
    browser = house.signed_in("manager")
    for _ in range(2):
        answer = browser.submit(PAGE, f"{PAGE}/limits", daily_cap="2", gap_minutes="480")
        assert answer.status_code == 303
    [clinic] = house.all(Clinic, col(Clinic.id) == house.clinic)
    assert (clinic.daily_cap, clinic.voice_gap_minutes) == (2, 480)
    assert '<option value="480" selected>8 hours</option>' in house.page(PAGE, "owner")
    assert acts(house) == [("sends.limits_changed", "user")]
    # Law, and not the clinic, says how many are too many (LAW-27).
    assert browser.submit(PAGE, f"{PAGE}/limits", daily_cap="4", gap_minutes="0").status_code == 422
    assert browser.submit(PAGE, f"{PAGE}/limits", daily_cap="3", gap_minutes="5").status_code == 422


def test_who_may_only_look_sets_no_limits(house: House) -> None:
    assert press(house, "limits", "front_desk") == 403
