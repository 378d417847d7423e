"""The `frontdesk` command."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from cryptography.fernet import Fernet
from sqlmodel import col, select

from automations.sequences import load_automation
from crm import dev, embedded, seed
from crm.accounts import cli as accounts
from crm.accounts.models import Clinic
from crm.core import migrating
from crm.core.crypto import ClinicKey, Undecipherable
from crm.core.errors import DomainError
from crm.core.loading import load
from crm.core.logging import configure_logging
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.furnishing import furnish
from crm.messaging.actions import resume_sending
from crm.messaging.actions.connect import connect_twilio, read_connection
from crm.privacy.chain import Walk, has_link, walk
from crm.registry import LEDGERS
from crm.runtime import NotConfigured, build_runtime, ring_redis
from workers.broker import QUEUES
from workers.main import run_scheduler, run_worker

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Frontdesk, the lead pipeline.")
clinic_app = typer.Typer(no_args_is_help=True, help="Clinics.")
user_app = typer.Typer(no_args_is_help=True, help="Users.")
password_app = typer.Typer(no_args_is_help=True, help="Passwords.")
twilio_app = typer.Typer(no_args_is_help=True, help="Twilio.")
keys_app = typer.Typer(no_args_is_help=True, help="Encryption keys.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit trail and the consent ledger.")
automation_app = typer.Typer(no_args_is_help=True, help="Automations.")
for name, group in (
    ("clinic", clinic_app),
    ("user", user_app),
    ("password", password_app),
    ("twilio", twilio_app),
    ("keys", keys_app),
    ("audit", audit_app),
    ("automation", automation_app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command; what the operator can mend is one line, not a traceback."""
    try:
        app()
    except (
        *(NotConfigured, seed.NotSeeded, dev.OtherTables, embedded.EmbeddedError),
        migrating.DatabaseBusy,
    ) as fault:
        raise SystemExit(str(fault)) from None
    except DomainError as fault:
        fields = "; ".join(f"{name}: {why}" for name, why in fault.fields.items())
        raise SystemExit(f"{fault.title}. {fields or fault.detail}") from None


def runtime() -> Runtime:
    """Build the runtime of a command; a running `make run` lends its servers and its demo mode."""
    settings = Settings()
    if settings.database_url is None:
        running = embedded.find_running(settings.frontdesk_data)
        if running is not None:
            settings.frontdesk_env = "demo"
            settings.database_url = running.url(dev.DATABASE, dev.LOGIN)
            settings.redis_url = settings.redis_url or running.redis_url
            settings.public_url = seed.read(settings)["base_url"]
    configure_logging(settings.log_level)
    doorbell = ring_redis(settings) if settings.redis_url else None
    return build_runtime(settings, doorbell=doorbell, clock=dev.stored_clock(settings))


@app.command("dev")
def serve() -> None:
    """Serve everything from one process, with bundled servers and a demo clinic."""
    dev.serve(Settings())


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this release."""
    settings = Settings()
    url = settings.migrate_database_url or settings.database_url
    if url is None:
        raise NotConfigured("DATABASE_URL is not set: name the PostgreSQL database to use")
    migrating.upgrade(url, login=migrating.login_of(settings.database_url))
    typer.echo("The database is up to date.")


@app.command()
def worker(queues: Annotated[str, typer.Option(help="Comma-separated.")] = "default") -> None:
    """Work on queues until told to end."""
    wanted = [queue.strip() for queue in queues.split(",")]
    if unknown := sorted(set(wanted) - set(QUEUES)):
        raise typer.BadParameter(f"no queue {', '.join(unknown)}; there are {', '.join(QUEUES)}")
    run_worker(runtime(), wanted)


@app.command()
def scheduler() -> None:
    """Ring for due work until told to end."""
    built = runtime()
    run_scheduler(built, ring_redis(built.settings))


@app.command("demo-info")
def demo_info() -> None:
    """Print the demo's address, keys and users as JSON."""
    typer.echo(json.dumps(seed.info(Settings()), indent=2))


@clinic_app.command("add")
def clinic_add(name: str, timezone: str, region: str = "US", language: str = "en") -> None:
    """Add a clinic with a pipeline, a form and paused sequences; prints its id and the form."""
    built = runtime()
    added = accounts.clinic_add(
        built.database, name=name, timezone=timezone, region=region, language=language
    )
    with built.database.transaction(added, SYSTEM) as uow:
        form = furnish(uow, is_live=False)
    typer.echo(f"clinic {added}")
    typer.echo(f"form   {built.settings.base_url}/f/{form.key}")


@twilio_app.command("connect")
def twilio_connect(
    clinic: UUID,
    account_sid: str,
    number: str,
    auth_token: Annotated[
        str, typer.Option(prompt=True, hide_input=True, envvar="TWILIO_AUTH_TOKEN")
    ],
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Twilio first.")] = False,
) -> None:
    """Let a clinic text from a number of its Twilio account; prints the webhooks to set there.

    Twilio is asked first whether the token is right and the number the account's.
    """
    built = runtime()
    with built.database.transaction(clinic, SYSTEM) as uow:
        e164 = read_connection(uow, account_sid, auth_token, number)
    if not offline:
        check = load("crm.messaging.channels.twilio_check:check")
        check(built.settings, account_sid, auth_token.strip(), e164)
    with built.database.transaction(clinic, SYSTEM) as uow:
        connect_twilio(uow, account_sid, auth_token, number)
    typer.echo("In Twilio's console set the number's webhooks:")
    typer.echo(f"a message comes in   {built.settings.base_url}/webhooks/twilio/message")
    typer.echo(f"a call comes in      {built.settings.base_url}/webhooks/twilio/voice")


@twilio_app.command("resume")
def twilio_resume(clinic: UUID) -> None:
    """Let a clinic's texts leave again after its number or a template was paused."""
    built = runtime()
    with built.database.transaction(clinic, SYSTEM) as uow:
        waited = resume_sending(uow)
    typer.echo(f"{waited} texts go on.")


@user_app.command("add")
def user_add(clinic: UUID, email: str, name: str, role: str) -> None:
    """Let a person work in a clinic; prints a link that sets the password."""
    built = runtime()
    accounts.user_add(
        built.database, clinic_id=clinic, email=email, name=name, role=accounts.role_of(role)
    )
    typer.echo(_reset_link(built, email))


@password_app.command("reset-link")
def reset_link(email: str) -> None:
    """Print a link that sets a user's password once, within the hour."""
    typer.echo(_reset_link(runtime(), email))


def _reset_link(built: Runtime, email: str) -> str:
    base_url = built.settings.base_url
    return accounts.password_reset_link(built.database, email=email, base_url=base_url)


@keys_app.command("new")
def keys_new() -> None:
    """Print a new key for ENCRYPTION_KEYS; put it first and keep the old ones after it."""
    typer.echo(Fernet.generate_key().decode())


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Wrap every clinic's data key again with the first key of ENCRYPTION_KEYS."""
    built = runtime()
    with built.database.system() as system:
        keys = system.session.scalars(select(ClinicKey).with_for_update()).all()
        for key in keys:
            built.database.keyring.rewrap(key)
        system.session.flush()
    typer.echo(f"{len(keys)} keys are wrapped with the newest key.")


@audit_app.command("verify")
def audit_verify(
    clinic: UUID, last: Annotated[str, typer.Option(help="A last link that was kept.")] = ""
) -> None:
    """Walk the chains of a clinic's ledgers; names the first row that was changed or is missing."""
    built = runtime()
    accounts.clinic_of(built.database, clinic)
    with built.database.transaction(clinic, SYSTEM) as uow:
        try:
            walks = {one: walk(uow.session, uow.keyring, one, clinic) for one in LEDGERS}
            is_there = any(has_link(uow.session, one, clinic, last) for one in LEDGERS)
        except Undecipherable:
            raise SystemExit("The clinic's key is gone: nothing can be verified.") from None
    for ledger, walked in walks.items():
        typer.echo(f"{ledger.__tablename__}: {_told(walked)}")
    if last and not is_there:
        typer.echo("BROKEN, no chain has the link that was kept: its end was cut off")
    if any(walked.fault for walked in walks.values()) or (last and not is_there):
        raise typer.Exit(1)


def _told(walked: Walk) -> str:
    if walked.fault:
        return f"BROKEN, {walked.fault}; whole rows before it: {walked.rows}"
    return (
        f"whole; rows: {walked.rows}, erased values: {walked.erased},"
        f" rows not linked yet: {walked.waiting}, last link: {walked.last or 'none'}"
    )


@automation_app.command("load")
def automation_load(file: Path, clinic: UUID) -> None:
    """Publish an automation from a JSON file; its version is printed."""
    built = runtime()
    try:
        definition = json.loads(file.read_text())
    except (OSError, ValueError) as fault:
        raise typer.BadParameter(f"{file} is no JSON file that can be read: {fault}") from None
    with built.database.transaction(clinic, SYSTEM) as uow:
        uow.session.execute(select(Clinic).where(col(Clinic.id) == clinic)).one()
        automation = load_automation(uow, definition)
    typer.echo(f"{automation.name}: {automation.state}, version {automation.version_id}")
