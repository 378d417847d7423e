"""A lead's page: what it shows, and what can be done on it."""

from fastapi import APIRouter

from pipelines.lead.pages import consent, desk, details, messages, moving, show

router = APIRouter(include_in_schema=False)
for part in (show, messages, moving, desk, details, consent):
    router.include_router(part.router)
