"""Every setting of the product: read from the environment once, then passed in."""

from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Settings(BaseSettings):
    """The configuration of one process; names are the environment's, in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=False, env_parse_none_str="none"
    )

    frontdesk_env: Literal["demo", "production"] = "production"
    frontdesk_data: Path = Path(".data")
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    log_level: str = "INFO"
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Networks whose forwarded headers count."
    )

    database_url: str | None = None
    migrate_database_url: str | None = None
    redis_url: str | None = None
    database_pool: int = Field(default=44, ge=2, description="Connections of one process, at most.")
    prepare_threshold: int | None = Field(default=1, description="None behind a pooler.")

    encryption_keys: Annotated[list[SecretStr], NoDecode] = Field(
        default_factory=list, description="Fernet keys, comma-separated, the newest first."
    )
    clock_offset: timedelta = timedelta()

    lease_seconds: float = Field(default=60, gt=0)
    heartbeat_seconds: float = Field(default=15, gt=0)
    unconfirmed_after: float = Field(default=30, gt=0, description="Seconds after the call.")
    unconfirmed_ask_after: float = Field(default=120, gt=0, description="Seconds after the call.")
    in_flight: int = Field(default=20, ge=1, le=200)
    work_attempts: int = Field(default=8, ge=1)
    worker_threads: int = Field(default=4, ge=1, le=64)

    twilio_api_url: str = "https://api.twilio.com"
    sendgrid_api_url: str = "https://api.sendgrid.com"
    stripe_api_url: str = "https://api.stripe.com"

    metrics_token: SecretStr | None = Field(default=None, description="Bearer of GET /metrics.")

    api_requests_per_minute: int = Field(
        default=300_000, ge=1, description="From one API key to one process: stops a runaway."
    )
    form_fill_seconds: float | None = Field(
        default=None, ge=0, description="A form sent sooner is a robot's; 2, in the demo 0."
    )

    text_segment_price: Decimal | None = Field(
        default=Decimal("0.0083"), ge=0, description="USD for one part of a text, as an estimate."
    )

    session_idle_minutes: int = Field(default=15, ge=1)
    session_hours: int = Field(default=12, ge=1)

    @field_validator("encryption_keys", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [key.strip() for key in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _public_url_is_https(self) -> "Settings":
        """Refuse a public address without TLS, unless it is this machine's own (P27)."""
        if self.public_url is None:
            self.public_url = f"http://127.0.0.1:{self.port}"
        parts = urlsplit(self.public_url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("PUBLIC_URL must start with https:// unless its host is loopback")
        return self

    @property
    def is_demo(self) -> bool:
        """Whether this is the demo: sandbox, seed and printed passwords exist there only."""
        return self.frontdesk_env == "demo"

    @cached_property
    def base_url(self) -> str:
        """The public base address, without a slash at its end."""
        assert self.public_url is not None
        return self.public_url.rstrip("/")

    @property
    def least_fill_seconds(self) -> float:
        """How long a person needs to fill in a request form, at least."""
        if self.form_fill_seconds is not None:
            return self.form_fill_seconds
        return 0.0 if self.is_demo else 2.0

    @property
    def lease(self) -> timedelta:
        """How long a claim lasts before somebody else may claim the same work."""
        return timedelta(seconds=self.lease_seconds)
