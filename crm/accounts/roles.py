"""The role matrix: what each role may do in a clinic."""

from collections.abc import Mapping
from typing import get_args

from crm.accounts.models import Role
from crm.core.errors import N_

EVERYONE: frozenset[Role] = frozenset(get_args(Role))
MANAGEMENT: frozenset[Role] = frozenset({"owner", "manager"})
DESK: frozenset[Role] = MANAGEMENT | {"front_desk"}
MARKETING: frozenset[Role] = MANAGEMENT | {"marketer"}

CAPABILITIES: Mapping[str, frozenset[Role]] = {
    "leads:read": EVERYONE,
    "leads:write": DESK,
    "leads:move": DESK,
    "tasks:write": DESK | {"provider"},
    "messages:read": DESK | {"provider"},
    "messages:send": DESK,
    "pipelines:read": EVERYONE,
    "pipelines:write": MANAGEMENT,
    "automations:read": DESK | MARKETING,
    "automations:write": MARKETING,
    "templates:write": MARKETING,
    "settings:read": MANAGEMENT,
    "settings:write": MANAGEMENT,
    "members:write": MANAGEMENT,
    "sessions:manage": MANAGEMENT,
    "api_keys:write": MANAGEMENT,
    "audit:read": MANAGEMENT,
    "ops:read": MANAGEMENT,
    "ops:retry": MANAGEMENT,
    "sandbox:use": EVERYONE,
}

ROLE_NAMES: Mapping[str, str] = {
    "owner": N_("Owner"),
    "manager": N_("Manager"),
    "front_desk": N_("Front desk"),
    "marketer": N_("Marketer"),
    "provider": N_("Provider"),
}

SCOPES: Mapping[str, str] = {"requests:write": N_("Send appointment requests")}
"""What an API key may be allowed, and how that is said."""


def may(role: str, capability: str) -> bool:
    """Return whether a role has a capability. Raises KeyError for an unknown one."""
    return role in CAPABILITIES[capability]


def capabilities_of(role: str) -> frozenset[str]:
    """Return everything that a role may do."""
    return frozenset(name for name, roles in CAPABILITIES.items() if role in roles)


def roles_of(*names: str) -> frozenset[str]:
    """Return the roles meant by names of roles or capabilities. Raises ValueError."""
    meant: set[str] = set()
    for name in names:
        if name in EVERYONE:
            meant.add(name)
        elif name in CAPABILITIES:
            meant |= CAPABILITIES[name]
        else:
            raise ValueError(f"{name!r} is neither a role nor a capability")
    return frozenset(meant)
