"""The pages of accounts: the way in and out, and what a user or an owner sets."""

from fastapi import APIRouter

from crm.accounts.pages import api_keys, days_off, entrance, live, profile, sessions, team

router = APIRouter(include_in_schema=False)
for _part in (entrance, profile, sessions, api_keys, team, days_off, live):
    router.include_router(_part.router)
