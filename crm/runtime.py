"""Building what a process is made of: the one place where adapters are chosen."""

from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet

from crm import registry
from crm.core.clock import Clock
from crm.core.crypto import Keyring
from crm.core.database import Database, build_engine
from crm.core.events import Subscriptions
from crm.core.loading import load
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import Doorbell, SilentDoorbell
from crm.messaging.channels.base import Account, Channel, Channels
from crm.messaging.channels.sandbox import Sandbox
from workers.doorbell import Doorbell as RedisDoorbell


class NotConfigured(RuntimeError):
    """A setting is missing; the message names it and says what to set."""


def build_runtime(
    settings: Settings, *, doorbell: Doorbell | None = None, clock: Clock | None = None
) -> Runtime:
    """Return the runtime of one process. Raises NotConfigured, naming the setting."""
    if settings.database_url is None:
        raise NotConfigured("DATABASE_URL is not set: name the PostgreSQL database to use")
    clock = clock or Clock(settings.clock_offset)
    subscriptions = Subscriptions(registry.CONSUMERS)
    database = Database(
        build_engine(settings, settings.database_url),
        subscriptions=subscriptions,
        keyring=Keyring(encryption_keys(settings)),
        doorbell=doorbell or SilentDoorbell(),
        clock=clock,
    )
    return Runtime(
        settings=settings,
        clock=clock,
        database=database,
        subscriptions=subscriptions,
        work={work.kind: work for work in registry.WORK},
        fact_sources=registry.FACT_SOURCES,
        channels=build_channels(settings),
        jobs=registry.JOBS,
        timeline=registry.TIMELINE,
        authors=registry.AUTHORS,
        lead_panels=registry.LEAD_PANELS,
        stage_uses=registry.STAGE_USES,
    )


def build_channels(settings: Settings) -> Channels:
    """Return what may leave through what here: the sandbox in the demo only, providers anywhere.

    A provider's SDK is loaded when its first channel is opened.
    """

    def twilio(account: Account) -> Channel:
        channel: Channel = load("crm.messaging.channels.twilio:open_account")(account, settings)
        return channel

    def sendgrid(account: Account) -> Channel:
        channel: Channel = load("crm.messaging.channels.sendgrid:open_account")(account, settings)
        return channel

    factories: dict[str, Callable[[Account], Channel]] = {"twilio": twilio, "sendgrid": sendgrid}
    if settings.is_demo:
        factories["sandbox"] = lambda account: Sandbox()
    return Channels(factories)


def ring_redis(settings: Settings) -> Doorbell:
    """Return the doorbell of the configured Redis. Raises NotConfigured."""
    if settings.redis_url is None:
        raise NotConfigured("REDIS_URL is not set: name the Redis or Valkey server to use")
    return RedisDoorbell(settings.redis_url)


def encryption_keys(settings: Settings) -> list[str]:
    """Return the configured keys; the demo makes its own, once, in its data folder."""
    if settings.encryption_keys:
        return [key.get_secret_value() for key in settings.encryption_keys]
    if not settings.is_demo:
        raise NotConfigured(
            "ENCRYPTION_KEYS is not set: make one with `frontdesk keys new` and keep it safe"
        )
    return [_demo_key(settings.frontdesk_data)]


def _demo_key(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "encryption.key"
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(Fernet.generate_key())
        fresh.rename(path)
    return path.read_text()
