"""Why a text was sent or was not, and why a sequence did nothing for a lead."""

from automations.explain.why import Why, why
from automations.explain.why_not import WhyNot, why_not

__all__ = ["Why", "WhyNot", "why", "why_not"]
