"""How hard the fault tests try: `FAULTS_PROFILE=short` (the default) or `full`."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Requests and kills of the tests that kill at random, and kills of each kill point.

    A blackout of the providers is in seconds.
    `campaign_people` are those of each of the clinics with a campaign, `campaign_rate` how many of
    them enter a minute at most, and `campaign_seconds` how long a part of it may take.
    """

    requests: int
    random_kills: int
    kills_a_point: int
    provider_requests: int
    ordered_events: int
    blackout: int
    campaign_clinics: int
    campaign_people: int
    campaign_rate: int
    campaign_seconds: int


PROFILES = {
    "short": Profile(300, 10, 3, 120, 200, 10, 4, 200, 400, 180),
    "full": Profile(1000, 30, 20, 1000, 1000, 60, 20, 1000, 5000, 900),
}
PROFILE = PROFILES[os.environ.get("FAULTS_PROFILE", "short")]
