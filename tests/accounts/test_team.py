"""Who lets whom into a clinic, as what, and who gets a link that sets a password."""

from collections.abc import Callable
from uuid import UUID

import pytest

from crm.accounts import actions, cli
from crm.accounts.actions import Invitation, invite, team_link
from crm.accounts.models import Role
from crm.accounts.queries import member, team
from crm.core.clock import Clock
from crm.core.errors import Conflict, DomainError, Invalid, NotFound
from crm.core.ids import new_id
from crm.core.principal import SYSTEM, Principal
from crm.core.runtime import Runtime
from crm.privacy.queries import audit_entries
from tests.accounts.conftest import OTHER_PASSWORD, Browser, People

NEW = "lee@riverside.example"


class Staff:
    """A clinic with an owner and a manager, who do things to its team."""

    def __init__(self, runtime: Runtime, clinic: UUID, people: People) -> None:
        self.runtime, self.clinic, self.people = runtime, clinic, people
        self.users = {
            "owner": people.add(clinic, "owner@riverside.example", "owner"),
            "manager": people.add(clinic, "manager@riverside.example", "manager"),
        }

    def principal(self, role: str) -> Principal:
        return Principal("user", self.users[role])

    def invite(self, by: str, role: Role = "front_desk", email: str = NEW) -> UUID:
        """Invite somebody; return the membership's id."""
        asked = Invitation(email, "Lee Park", role)
        return invite(self.runtime.database, self.clinic, self.principal(by), asked)

    def link(self, by: str, member_id: UUID) -> str:
        """Make a link; return its path."""
        database, principal = self.runtime.database, self.principal(by)
        return team_link(database, self.clinic, principal, member_id, "")

    def do(self, by: str, action: Callable[..., object], *arguments: object) -> None:
        """Do something to a member as somebody of the team."""
        with self.runtime.database.transaction(self.clinic, self.principal(by)) as uow:
            action(uow, *arguments)

    def member_of(self, user_id: UUID) -> UUID:
        """Return the membership of a user."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return next(one.id for one in team(uow) if one.user_id == user_id)

    def roles(self) -> dict[str, str]:
        """Return the team: emails with their roles."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return {one.email: one.role for one in team(uow)}


@pytest.fixture
def staff(runtime: Runtime, clinic: UUID, people: People) -> Staff:
    return Staff(runtime, clinic, people)


def test_who_is_invited_sets_a_password_by_the_link_and_signs_in(
    staff: Staff, browser: Browser
) -> None:
    path = staff.link("manager", staff.invite("manager"))
    assert browser.sign_in(NEW).status_code == 422

    assert browser.submit(path, path, password=OTHER_PASSWORD).status_code == 303

    assert browser.sign_in(NEW, OTHER_PASSWORD).status_code == 303
    assert browser.get("/probe").status_code == 200
    with staff.runtime.database.transaction(staff.clinic, SYSTEM) as uow:
        made = audit_entries(uow, actions=["member.added", "password.reset_link_made"])
    assert [entry.principal_id for entry in made[:2]] == [staff.users["manager"]] * 2


def test_a_new_link_ends_the_one_before(staff: Staff, browser: Browser) -> None:
    member_id = staff.invite("owner")
    first, second = staff.link("owner", member_id), staff.link("owner", member_id)

    assert browser.get(first).status_code == 404
    assert browser.get(second).status_code == 200


def test_a_manager_makes_touches_and_lets_go_no_owner(staff: Staff) -> None:
    owner, desk = staff.users["owner"], staff.people.add(staff.clinic, NEW, "front_desk")
    before = staff.roles()
    attempts: list[Callable[[], object]] = [
        lambda: staff.invite("manager", "owner", "new@riverside.example"),
        lambda: staff.do("manager", actions.change_role, desk, "owner"),
        lambda: staff.do("manager", actions.change_role, owner, "provider"),
        lambda: staff.do("manager", actions.end_membership, owner),
        lambda: staff.link("manager", staff.member_of(owner)),
    ]
    for attempt in attempts:
        with pytest.raises(DomainError):
            attempt()
    assert staff.roles() == before


@pytest.mark.parametrize("who", ["owner", "manager"])
def test_nobody_changes_himself(staff: Staff, who: str) -> None:
    staff.people.add(staff.clinic, "second@riverside.example", "owner")
    me = staff.users[who]
    for action, *arguments in (
        (actions.change_role, me, "front_desk"),
        (actions.change_role, me, "owner" if who == "manager" else "manager"),
        (actions.end_membership, me),
    ):
        with pytest.raises(Invalid, match="your own place"):
            staff.do(who, action, *arguments)
    with pytest.raises(Invalid):
        staff.link(who, staff.member_of(me))


def test_who_has_a_password_gets_a_link_from_his_superior_alone(staff: Staff) -> None:
    manager = staff.member_of(staff.users["manager"])
    equal = staff.member_of(staff.people.add(staff.clinic, "third@riverside.example", "manager"))
    desk = staff.member_of(staff.people.add(staff.clinic, "desk@riverside.example", "front_desk"))
    co_owner = staff.member_of(staff.people.add(staff.clinic, "two@riverside.example", "owner"))

    assert staff.link("manager", desk).startswith("/reset/")
    assert staff.link("owner", manager).startswith("/reset/")
    for by, whom in (("manager", equal), ("owner", co_owner)):
        with pytest.raises(Conflict):
            staff.link(by, whom)


def test_no_clinic_lets_in_or_gives_links_to_another_clinics_people(
    staff: Staff, other_clinic: UUID, browser: Browser
) -> None:
    staff.people.add(other_clinic, NEW, "owner")

    with pytest.raises(Invalid) as caught:
        staff.invite("owner")
    assert caught.value.field == "email"

    # The operator lets the same person in; the password is still not this clinic's to set.
    user = staff.people.add(staff.clinic, NEW, "front_desk", password=None)
    with pytest.raises(Conflict):
        staff.link("owner", staff.member_of(user))


def test_who_left_both_clinics_is_no_secret_door_either(staff: Staff, other_clinic: UUID) -> None:
    staff.people.add(other_clinic, "boss@hillside.example", "owner")
    gone = staff.people.add(other_clinic, NEW, "front_desk")
    with staff.runtime.database.transaction(other_clinic, SYSTEM) as uow:
        actions.end_membership(uow, gone)

    with pytest.raises(Invalid) as caught:
        staff.invite("owner")
    assert caught.value.field == "email"
    assert NEW not in staff.roles()


def test_who_left_comes_back_with_his_own_password(staff: Staff, browser: Browser) -> None:
    user = staff.people.add(staff.clinic, NEW, "front_desk")
    staff.do("manager", actions.end_membership, user)
    assert browser.sign_in(NEW).status_code == 422

    staff.invite("manager", "provider")

    assert staff.roles()[NEW] == "provider"
    assert browser.sign_in(NEW).status_code == 303


def test_inviting_who_works_here_or_was_disabled_is_refused(staff: Staff) -> None:
    staff.invite("owner")
    with pytest.raises(Invalid, match="already"):
        staff.invite("owner", "provider")

    user = staff.people.add(staff.clinic, "out@riverside.example", "provider")
    staff.do("owner", actions.end_membership, user)
    cli.user_disable(staff.runtime.database, email="out@riverside.example")
    with pytest.raises(Invalid):
        staff.invite("owner", email="out@riverside.example")


def test_a_manager_who_was_made_less_meanwhile_does_nothing(staff: Staff) -> None:
    staff.do("owner", actions.change_role, staff.users["manager"], "front_desk")

    with pytest.raises(Invalid):
        staff.invite("manager")
    with pytest.raises(Invalid):
        staff.do("manager", actions.end_membership, staff.people.add(staff.clinic, NEW, "provider"))


def test_another_clinics_members_are_unknown(staff: Staff, other_clinic: UUID) -> None:
    stranger = staff.people.add(other_clinic, "else@hillside.example", "provider")
    with staff.runtime.database.transaction(other_clinic, SYSTEM) as uow:
        [foreign] = team(uow)

    for unknown in (foreign.id, new_id()):
        with pytest.raises(NotFound):
            staff.link("owner", unknown)
        with (
            pytest.raises(NotFound),
            staff.runtime.database.transaction(staff.clinic, SYSTEM) as uow,
        ):
            member(uow, unknown)
    with pytest.raises(NotFound):
        staff.do("owner", actions.change_role, stranger, "manager")


def test_a_link_of_somebody_let_go_is_over(staff: Staff, browser: Browser, clock: Clock) -> None:
    member_id = staff.invite("owner")
    path = staff.link("owner", member_id)
    with staff.runtime.database.transaction(staff.clinic, SYSTEM) as uow:
        user_id = member(uow, member_id).user_id

    staff.do("owner", actions.end_membership, user_id)

    assert browser.get(path).status_code == 404
    clock.advance(minutes=1)
    with pytest.raises(NotFound):
        staff.link("owner", member_id)


def test_the_pages_invite_link_promote_and_let_go(
    staff: Staff, browser: Browser, new_browser: Callable[..., Browser]
) -> None:
    browser.sign_in("manager@riverside.example")
    page = "/settings/team"
    sent = {"name": "Lee <Park>", "email": "Lee@Riverside.example", "role": "front_desk"}

    own = browser.submit(f"{page}/invite", f"{page}/invite", **sent).headers["location"]
    assert "Invited" in browser.get(page).text
    shown = browser.submit(own, f"{own}/link").text
    path = shown.partition("https://testserver")[2].partition("<")[0]
    lee = new_browser()
    lee.submit(path, path, password=OTHER_PASSWORD)
    assert lee.sign_in(NEW, OTHER_PASSWORD).status_code == 303
    shown = browser.get(own).text
    assert path not in shown
    assert "Remove Lee &lt;Park&gt;</button>" in shown

    browser.submit(own, f"{own}/role", role="marketer")
    assert staff.roles()[NEW] == "marketer"
    refused = browser.submit(own, f"{own}/role", role="owner")
    assert refused.status_code == 422
    assert "Only an owner decides about owners." in refused.text
    assert (
        "Lee &lt;Park&gt; is out"
        in browser.get(browser.submit(own, f"{own}/end").headers["location"]).text
    )
    assert NEW not in staff.roles()
    assert browser.get(own).status_code == 404


def test_a_refused_invitation_keeps_what_was_typed(staff: Staff, browser: Browser) -> None:
    browser.sign_in("manager@riverside.example")
    page = "/settings/team/invite"
    sent = {"name": "Lee", "email": "manager@riverside.example", "role": "provider"}

    answer = browser.submit(page, page, **sent)

    assert answer.status_code == 422
    assert 'value="manager@riverside.example"' in answer.text
    assert "works here already" in answer.text
    assert 'value="owner"' not in answer.text.partition('id="role"')[2].partition("</select>")[0]
    assert browser.submit(page, page, **{**sent, "email": "lee@"}).status_code == 422
