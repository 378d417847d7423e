"""Tables of clinics, users and the keys that open their doors."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import Index, text, true
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import String
from sqlmodel import Field, SQLModel

from crm.core.ids import new_id
from crm.core.models import ClinicScoped, DataClass, one_of, table_args

Role = Literal["owner", "manager", "front_desk", "marketer", "provider"]
ROLES: tuple[Role, ...] = get_args(Role)
Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Theme = Literal["system", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)


class Clinic(SQLModel, table=True):
    """The tenant: its name, place, language and the rules it sends by."""

    __tablename__ = "clinics"
    __table_args__ = table_args(one_of("language", LANGUAGES))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    timezone: str
    region: str = "US"
    language: str = "en"
    phone: str | None = None
    postal_address: str | None = Field(
        default=None, description="Its lines; marketing emails must name it (LAW-40)."
    )
    is_holding_sends: bool = False
    window_start_hour: int = 8
    window_end_hour: int = 20
    daily_cap: int = Field(
        default=3, description="Automated texts per address in 24 hours (LAW-27)."
    )
    voice_gap_minutes: int = Field(
        default=240,
        sa_column_kwargs={"server_default": "240"},
        description="Between automated texts of different sequences to one person; 0 for none.",
    )
    clinic_daily_cap: int = Field(
        default=10_000, description="Automated texts of the clinic in one of its days (LAW-27)."
    )
    closed_on: list[str] = Field(
        default_factory=list,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "[]"},
        description="The clinic's days off beside weekends, such as 2026-12-25.",
    )
    created_at: datetime


class User(SQLModel, table=True):
    """A person who signs in; one user may work in several clinics."""

    __tablename__ = "users"
    __table_args__ = table_args(one_of("theme", THEMES))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(unique=True)
    name: str
    password_hash: str | None = None
    language: str = "en"
    timezone: str | None = None
    phone: str | None = Field(default=None, description="E.164: where tests of texts go.")
    theme: str = Field(default="system", sa_column_kwargs={"server_default": "system"})
    has_shortcuts: bool = Field(
        default=True,
        sa_column_kwargs={"server_default": true()},
        description="Whether single keys do something.",
    )
    is_disabled: bool = False
    login_epoch: int = Field(
        default=0, description="Logins and reset links of an earlier epoch are over, in any clinic."
    )
    created_at: datetime


class Membership(ClinicScoped, table=True):
    """A user's role in a clinic."""

    __tablename__ = "memberships"
    __table_args__ = table_args(
        one_of("role", ROLES),
        Index(
            "uq_memberships_live",
            "user_id",
            "clinic_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    retention = DataClass.ACCOUNT

    user_id: UUID = Field(foreign_key="users.id")
    role: str
    created_at: datetime
    ended_at: datetime | None = None


class Login(ClinicScoped, table=True):
    """A signed-in browser: an opaque token's server side (SEC-1)."""

    __tablename__ = "logins"
    __table_args__ = table_args(Index("ix_logins_user", "clinic_id", "user_id"))
    retention = DataClass.LOG

    user_id: UUID = Field(foreign_key="users.id")
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ip: str | None = None
    user_agent: str | None = None
    epoch: int = 0
    clinics: int = Field(
        default=1,
        sa_column_kwargs={"server_default": "1"},
        description="In how many clinics the user worked when it was opened.",
    )


class Door(SQLModel, table=True):
    """What is looked up before the clinic is known; only the hash of a key is kept."""

    __tablename__ = "doors"
    __table_args__ = table_args(Index("ix_doors_ref", "clinic_id", "ref_id"))

    kind: str = Field(primary_key=True)
    key_hash: str = Field(primary_key=True)
    clinic_id: UUID = Field(primary_key=True, foreign_key="clinics.id")
    ref_id: UUID


class ApiKey(ClinicScoped, table=True):
    """An integrator's key; shown once, kept as a hash in its door (SEC-14)."""

    __tablename__ = "api_keys"
    retention = DataClass.ACCOUNT

    name: str
    prefix: str
    scopes: list[str] = Field(default_factory=list, sa_type=ARRAY(String))
    created_at: datetime
    last_used_at: datetime | None = None
    used_on: dict[str, str] = Field(
        default_factory=dict, sa_type=JSONB, description="Scope -> the last UTC day of its use."
    )
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class PasswordReset(ClinicScoped, table=True):
    """A link that sets a password once, made by the operator or an owner."""

    __tablename__ = "password_resets"
    retention = DataClass.LOG

    user_id: UUID = Field(foreign_key="users.id")
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    epoch: int = 0
