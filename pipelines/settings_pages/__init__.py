"""Settings of what leads move through."""

from fastapi import APIRouter

from crm.accounts.deps import require
from pipelines.settings_pages import forms, lost_reasons, pipelines, stages

router = APIRouter(
    prefix="/settings", include_in_schema=False, dependencies=[require("pipelines:write")]
)
for _part in (pipelines, stages, lost_reasons, forms):
    router.include_router(_part.router)
