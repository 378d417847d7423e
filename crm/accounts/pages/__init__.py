"""The pages of accounts: the way in and out, and what a user or an owner sets."""

from fastapi import APIRouter

from crm.accounts.pages import api_keys, entrance, live, profile, sessions, team

router = APIRouter(include_in_schema=False)
for _part in (entrance, profile, sessions, api_keys, team, live):
    router.include_router(_part.router)
