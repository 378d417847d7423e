"""The edge where appointment requests arrive: the JSON endpoint and the public form."""

from fastapi import APIRouter

from webhooks.intake.api import router as api_router
from webhooks.intake.forms import router as forms_router

router = APIRouter()
router.include_router(api_router)
router.include_router(forms_router)
