"""How hard the fault tests try: `FAULTS_PROFILE=short` (the default) or `full`."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Requests and kills of the tests that kill at random, and kills of each kill point.

    A blackout of the providers is in seconds.
    """

    requests: int
    random_kills: int
    kills_a_point: int
    provider_requests: int
    ordered_events: int
    blackout: int


PROFILES = {
    "short": Profile(300, 10, 3, 120, 200, 10),
    "full": Profile(1000, 30, 20, 1000, 1000, 60),
}
PROFILE = PROFILES[os.environ.get("FAULTS_PROFILE", "short")]
