"""Two clinics in which everything has happened once, and the real ids of each."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlmodel import col, select

from automations.campaigns import actions as campaigns
from automations.campaigns.audience import Audience
from automations.drafts import new_automation
from automations.sequences import load_automation
from crm.accounts import cli
from crm.accounts.actions.api_keys import create_key
from crm.accounts.actions.resets import make_reset_link
from crm.accounts.models import Membership
from crm.compliance.wordings import publish_wording
from crm.contacts.models import Address, ContactAddress
from crm.core.events import Delivery, EventRow
from crm.core.models import metadata
from crm.core.uow import UnitOfWork
from crm.messaging.actions import OutboundText, add_template, queue_texts
from crm.messaging.models import Communication
from crm.messaging.states import NEEDS_PERSON
from pipelines.board.sides import save_view
from pipelines.models import Lead
from pipelines.notices.actions import mark_seen
from pipelines.tasks.actions import Due, NewTask, add_tasks
from tests.conftest import Drain
from tests.support.houses import PHONE, House
from webhooks import inbox

# What a parameter names, where its own name does not say the table.
TABLES: Mapping[str, tuple[str, str]] = {
    "to_stage_id": ("stages", "kind = 'lost'"),
    "stage_id": ("stages", "kind <> 'open' AND kind <> 'lost' AND removed_at IS NULL"),
    "reason_id": ("lost_reasons", "removed_at IS NULL"),
    "member_id": (
        "memberships",
        "ended_at IS NULL AND user_id IN (SELECT id FROM users WHERE email LIKE 'spare%')",
    ),
    "template_id": ("templates", "channel = 'sms'"),
    "version_id": ("template_versions", "subjects = '{}'"),
    "pipeline": ("pipelines", "true"),
    "form_id": ("request_forms", "true"),
    "login_id": ("logins", "ended_at IS NULL"),
    "key_id": ("api_keys", "revoked_at IS NULL"),
    "row_id": ("deliveries", "dead_at IS NOT NULL"),
    "address_id": ("addresses", "value = '+12125550177'"),
    "webhook_id": ("webhook_events", "dead_at IS NOT NULL"),
    "account_id": ("channel_accounts", "true"),
    "communication_id": ("communications", "status = 'unconfirmed'"),
    "text_id": ("communications", "channel = 'sms' AND origin_kind = 'user'"),
    "email_id": ("communications", "channel = 'email' AND status = 'sent'"),
    "call_id": ("communications", "channel = 'voice' AND origin_kind = 'user'"),
    "enrollment_id": ("enrollments", "state = 'live'"),
    "sequence_version_id": ("sequence_versions", "true"),
    "beyond": ("enrollments", "state = 'live'"),
    "wording_id": ("consent_wordings", "purpose = 'care'"),
    "marketing_wording_id": ("consent_wordings", "purpose = 'marketing'"),
    "after": ("leads", "true"),
    "before_id": ("leads", "true"),
    "after_id": ("leads", "true"),
    "owner": ("memberships", "true"),
    "before": ("events", "contact_id IS NOT NULL"),
    "since": ("events", "contact_id IS NOT NULL"),
    "seen": ("communications", "origin_kind = 'user'"),
    "key": ("communications", "true"),
    "assignee_id": ("memberships", "ended_at IS NULL"),
}

# Text in an address that is no id: what stands there for a request to get as far as it can.
WORDS: Mapping[str, str] = {"kind": "deliveries", "detail": "name"}


def live_through(house: House, drain: Drain) -> None:
    """Let everything happen once in a clinic, so that each of its tables has a row."""
    # The words of consent are published the moment they are first shown.
    house.visitor().get(f"/f/{house.form_key}")
    lead_id = house.ask(PHONE, email="robin@vale.example")
    house.ask(PHONE)
    drain()
    house.receive("STOP")
    drain()
    house.move(lead_id, "Contacted")
    other_id = house.ask("+12125550177", name="Casey Vale")
    drain()
    house.do(_write_an_email)
    drain()
    house.do(_start_a_campaign)
    drain()
    house.do(_furnish_more)
    _work_on(house, lead_id)
    _answer(house, other_id)
    for number in range(2):
        email = f"spare-{number}@{house.clinic.hex[-12:]}.example"
        database, clinic_id = house.runtime.database, house.clinic
        cli.user_add(database, clinic_id=clinic_id, email=email, name="Spare", role="provider")


def _work_on(house: House, lead_id: UUID) -> None:
    """Let somebody at the desk work on a lead once."""
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    browser.submit(page, f"{page}/notes", body="Prefers mornings", key=str(uuid4()))
    browser.submit(page, f"{page}/tags", name="Nervous")
    browser.submit(page, f"{page}/here")


def _answer(house: House, lead_id: UUID) -> None:
    """Let somebody at the desk call and text a person once."""
    browser, page = house.signed_in(), f"/leads/{lead_id}"
    phone = {"address_id": own_id(house, "address_id") or "", "key": str(uuid4())}
    browser.submit(page, f"{page}/calls", outcome="voicemail", **phone)
    browser.submit(
        page,
        f"{page}/messages",
        body="See you soon",
        anyway="somebody_answers,too_early now",
        **phone,
    )


def _write_an_email(uow: UnitOfWork) -> None:
    """Send an email, so that a mailbox of the sandbox holds one."""
    used = (col(ContactAddress.address_id) == col(Address.id), col(Address.kind) == "email")
    link = uow.session.scalars(select(ContactAddress).join(Address, used[0]).where(used[1])).first()
    assert link is not None
    template = add_template(uow, "An email", {"en": "Hello"}, "care", {"en": "News"})
    email = OutboundText(
        contact_id=link.contact_id,
        message_class="care",
        origin_kind="campaign",
        origin_id=None,
        dedupe_key="an email",
        template_id=template.id,
        channel="email",
    )
    queue_texts(uow, [email])


def _start_a_campaign(uow: UnitOfWork) -> None:
    """Let a campaign reach whoever there is."""
    steps = [{"kind": "wait_for", "days": 1}]
    trigger = {"kind": "campaign"}
    sequence = load_automation(uow, {"name": "Recall", "trigger": trigger, "steps": steps})
    made = campaigns.draft_campaign(
        uow, campaigns.Draft("Everybody", sequence.id, Audience(), 1_000, "minute")
    )
    campaigns.start(uow, made.id, made.version)


def _furnish_more(uow: UnitOfWork) -> None:
    new_automation(uow, "Begun", {"trigger": {"kind": "lead_created"}, "steps": []})
    _give_a_task(uow)
    publish_wording(uow, "en", "marketing", "written", "You may send me offers.")
    create_key(uow, "Spare", ["requests:write"])
    member = uow.session.scalars(select(Membership).limit(1)).one()
    make_reset_link(uow, member.user_id, "https://testserver")
    save_view(uow, member.user_id, "Website", "source=form")
    is_text = (col(Communication.status) == "sent", col(Communication.channel) == "sms")
    sent = select(Communication).where(*is_text).limit(1)
    text = uow.session.scalars(sent).one()
    text.status, text.reason = "unconfirmed", NEEDS_PERSON
    call = inbox.keep(
        uow, provider="twilio", kind="message", external_id="", query="", raw=b"To=%2B12125550199"
    )
    assert call is not None
    inbox.conclude(uow, call, inbox.UNMATCHED)
    event = uow.session.scalars(select(EventRow).limit(1)).one()
    uow.add(
        Delivery(
            consumer="automations.follow_leads",
            event_id=event.id,
            order_key=uuid4(),
            seq=event.seq,
            attempts=8,
            last_error="ValueError at somewhere:1",
            dead_at=uow.now,
        )
    )


def _give_a_task(uow: UnitOfWork) -> None:
    who = uow.session.scalars(select(col(Membership.user_id)).limit(1)).one()
    lead_id = uow.session.scalars(select(col(Lead.id)).limit(1)).one()
    add_tasks(uow, [NewTask("Call back", Due(uow.now, False), who, lead_id)])
    mark_seen(uow, who)


def own_id(house: House, param: str) -> str | None:
    """Return a real id of a clinic for a parameter; None where nobody said what it names."""
    name = param.rpartition(".")[2]
    if name == "clinic_id":
        return str(house.clinic)
    table, condition = TABLES.get(name, (plural(name.removesuffix("_id")), "true"))
    if table not in metadata.tables:
        return None
    column = "user_id" if name == "assignee_id" else "id"
    ours = f"clinic_id = :c AND {condition}"
    found = rows(house, f"SELECT {column} FROM {table} WHERE {ours} ORDER BY id")
    return str(found[-1][0]) if found else None


def every_id(house: House) -> dict[str, str]:
    """Return one real id of every kind of row that a clinic has, by table."""
    found = {}
    for name, table in sorted(metadata.tables.items()):
        if {"clinic_id", "id"} <= set(table.columns.keys()):
            some = rows(house, f"SELECT id FROM {name} WHERE clinic_id = :c ORDER BY id LIMIT 1")
            if some:
                found[name] = str(some[0][0])
    return found


def everything(house: House, *without: str) -> dict[str, list[str]]:
    """Return all rows of a clinic by table, as text, to see whether anything has changed."""
    found: dict[str, list[str]] = {
        name: []
        for name, table in sorted(metadata.tables.items())
        if "clinic_id" in table.columns and name not in without
    }
    for name, row in rows(house, " UNION ALL ".join(map(_everything, found)) + " ORDER BY 1, 2"):
        found[name].append(row)
    return found


def _everything(name: str) -> str:
    return f"SELECT '{name}', CAST(t AS text) FROM {name} t WHERE clinic_id = :c"


def rows(house: House, statement: str) -> list[Any]:
    """Ask as the system, with `:c` for the clinic."""
    with house.runtime.database.system() as system:
        return list(system.session.execute(text(statement), {"c": house.clinic}))


def unknown_like(known: str) -> str:
    """Return an id that is nobody's, of the same time as another: cursors compare times."""
    time, stranger = UUID(known).int >> 64, uuid4().int & ((1 << 64) - 1)
    return str(UUID(int=time << 64 | stranger))


def plural(word: str) -> str:
    """Return a table's name for a word."""
    if word.endswith("s"):
        return f"{word}es"
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
