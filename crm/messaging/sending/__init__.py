"""Sending: claim a chunk, gate and take what goes on the wire now, call, write down what came.

Taking and writing down are two kinds of transactions, and a process may die between any two lines:
what is `queued` is claimed again when its lease ends, what is `sending` is only ever settled.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from time import monotonic
from uuid import UUID

from crm.compliance.actions import lock_addresses
from crm.core import killpoints
from crm.core.database import INDEXED
from crm.core.errors import N_
from crm.core.performing import is_transient
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work
from crm.messaging import writes
from crm.messaging.channels.base import Channel, OutboundMessage, Refused
from crm.messaging.sending.failing import failing
from crm.messaging.sending.recording import LATE, Flight, Landed, record
from crm.messaging.sending.taking import Route, Waiting, queued, take

RECORD_AT = 100
"""Results that are written down together, at most."""

MOST_TAKEN = 100
"""Texts that are taken together, at most."""

QUICK = 0.25
"""Seconds: what was taken left faster than this, so twice as many may be taken together."""

_TRIES = 3


def send(runtime: Runtime, claim: Claim) -> None:
    """Send a chunk of one clinic's queued texts, each at most once."""
    while Wire(runtime, claim).run():
        pass


class Wire:
    """A chunk on its way through one channel, a window of `in_flight` requests that slides.

    Texts are taken just before they leave, two windows at a time, and more where the provider
    answers fast; never two to one address: the second waits for what became of the first. The first
    text that may leave decides the channel; the texts of other accounts are left to a next wire.
    """

    def __init__(self, runtime: Runtime, claim: Claim) -> None:
        self.runtime, self.claim = runtime, claim
        self.waiting: deque[Waiting] = deque()
        self.has_others = False
        self.route: Route | None = None
        self.ready: deque[Flight] = deque()
        self.flying: dict[UUID, Flight] = {}
        self.landed: list[Landed] = []
        self.fault: Exception | None = None
        self.lease_until = claim.until
        self.taken_at = 0.0
        self.size = 0

    def run(self) -> bool:
        """Send it all; return whether texts of other accounts are left, queued and still held.

        What was sent before a fault is written down before the fault is raised.
        """
        self.take()
        while not self.ready and (picked := self._pick(self._size())):
            self.take(picked)
        if self.route is not None:
            self._send(self.route.channel)
        if self.fault is not None:
            raise self.fault
        return self.has_others

    def _send(self, channel: Channel) -> None:
        try:
            for result in channel.send_many(self.messages()):
                killpoints.reached("call.answered")
                flight = self.flying.pop(result.attempt_id, None)
                if flight is not None:
                    self.landed.append((flight, result))
                if isinstance(result, Refused) and result.action == "sender":
                    self._turn_back(result)
                if len(self.landed) >= RECORD_AT:
                    self.write_down()
        finally:
            self.write_down()

    def _turn_back(self, refusal: Refused) -> None:
        """Let nothing more leave of what was taken, for the provider refuses its sender."""
        while self.ready:
            flight = self.ready.popleft()
            refused = Refused(flight.message.attempt_id, refusal.code, refusal.action)
            self.landed.append((flight, refused))

    def messages(self) -> Iterator[OutboundMessage | None]:
        """Yield what may leave now, and None while the window is full; see `Channel.send_many`."""
        while self.ready or self.waiting:
            if len(self.flying) >= self.runtime.settings.in_flight:
                yield None
            elif self.ready:
                yield from self._fresh(self.ready.popleft())
            elif picked := self._pick(self._size()):
                try:
                    self.take(picked)
                except Exception as fault:
                    # What flies has still to land: the fault waits for it.
                    self.fault = fault
                    return
            else:
                yield None  # Whoever waits does so for one to his address, which is on its way.

    def _size(self) -> int:
        """Return how many texts to take: more where they leave faster, and none waits for long."""
        least = 2 * self.runtime.settings.in_flight
        took = monotonic() - self.taken_at
        self.size = max(least, min(2 * self.size, MOST_TAKEN)) if took < QUICK else least
        return self.size

    def _fresh(self, flight: Flight) -> Iterator[OutboundMessage]:
        """Yield what was taken a moment ago; what waited too long to be pulled does not leave.

        Such a text may be asked about, and sent once more, while this process only now goes on.
        """
        if monotonic() - self.taken_at < self.runtime.settings.unconfirmed_after / 2:
            self.flying[flight.message.attempt_id] = flight
            yield flight.message
        else:
            self.landed.append((flight, Refused(flight.message.attempt_id, LATE, "later")))

    def _pick(self, most: int) -> list[Waiting]:
        """Remove from those who wait up to `most`, no two to one address nor to one in flight."""
        busy = {flight.address_id for flight in self.flying.values()}
        picked: list[Waiting] = []
        passed: list[Waiting] = []
        while self.waiting and len(picked) < most:
            text = self.waiting.popleft()
            if text.address_id in busy:
                passed.append(text)
            else:
                busy.add(text.address_id)
                picked.append(text)
        self.waiting.extendleft(reversed(passed))
        return picked

    def take(self, picked: Sequence[Waiting] | None = None) -> None:
        """Take these texts, or read the claim and take its first, in one transaction.

        What landed meanwhile is written down in it.
        """
        landed = list(self.landed)
        clinic_id, token = self.claim.clinic_id, self.claim.token
        open_transaction = self.runtime.database.transaction
        with open_transaction(clinic_id, SYSTEM, step="take", plans=INDEXED) as uow:
            if picked is None:
                self.waiting.extend(queued(uow, self.claim.ids, token))
                picked = self._pick(self._size())
            addresses = [text.address_id for text in picked]
            addresses += [flight.address_id for flight, _ in landed]
            lock_addresses(uow, addresses)
            if landed:
                record(uow, self.runtime.settings, landed)
            taken = take(uow, self.runtime, token, [text.id for text in picked], self.route)
            lease_until = self._extend(uow)
        self.route, self.lease_until = taken.route, lease_until
        self.ready.extend(taken.flights)
        self.has_others = self.has_others or taken.has_others
        del self.landed[: len(landed)]
        self.taken_at = monotonic()

    def _extend(self, uow: UnitOfWork) -> datetime:
        """Hold what is still queued for one more lease, if half of this one is over."""
        lease = self.runtime.settings.lease
        if self.lease_until - uow.now >= lease / 2:
            return self.lease_until
        until = uow.now + lease
        claimed = {"clinic": uow.clinic_id, "ids": self.claim.ids, "token": self.claim.token}
        uow.session.execute(writes.EXTEND, {**claimed, "until": until})
        return until

    def write_down(self) -> None:
        """Write down what landed; a deadlock or a lost connection is tried again at once.

        If it cannot be written the texts stay `sending`: their callbacks or the provider tell.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                self._write_down()
                return
            except Exception as fault:
                if not (tries_left and is_transient(fault)):
                    raise

    def _write_down(self) -> None:
        if not self.landed:
            return
        clinic_id = self.claim.clinic_id
        open_transaction = self.runtime.database.transaction
        with open_transaction(clinic_id, SYSTEM, step="record", plans=INDEXED) as uow:
            lock_addresses(uow, [flight.address_id for flight, _ in self.landed])
            record(uow, self.runtime.settings, self.landed)
        self.landed.clear()


COMMUNICATIONS = Work(
    "communications",
    "communications",
    send,
    waiting="t.due_at IS NOT NULL AND t.status = 'queued'",
    of="t.status = 'queued'",
    title=N_("Text to send"),
    lead="t.lead_id",
    failing=failing,
)
