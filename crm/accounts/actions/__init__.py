"""Verbs of accounts: adding clinics and users, and what lets them in."""

from crm.accounts.actions.api_keys import (
    ApiPrincipal,
    CreatedKey,
    authenticate_key,
    create_key,
    revoke_key,
)
from crm.accounts.actions.clinics import add_clinic, lock_settings
from crm.accounts.actions.logins import (
    end_login,
    end_logins_of,
    end_other_logins,
    note_failure,
    recognise,
    sign_in,
    switch_clinic,
)
from crm.accounts.actions.members import add_membership, change_role, end_membership
from crm.accounts.actions.profile import (
    Profile,
    change_password,
    change_phone,
    change_profile,
)
from crm.accounts.actions.resets import make_reset_link, reset_is_open, set_password_by_link
from crm.accounts.actions.team import Invitation, invite, team_link

__all__ = [
    "ApiPrincipal",
    "CreatedKey",
    "Invitation",
    "Profile",
    "add_clinic",
    "add_membership",
    "authenticate_key",
    "change_password",
    "change_phone",
    "change_profile",
    "change_role",
    "create_key",
    "end_login",
    "end_logins_of",
    "end_membership",
    "end_other_logins",
    "invite",
    "lock_settings",
    "make_reset_link",
    "note_failure",
    "recognise",
    "reset_is_open",
    "revoke_key",
    "set_password_by_link",
    "sign_in",
    "switch_clinic",
    "team_link",
]
