"""Field encryption and signatures: one data key a clinic, wrapped by the keys of the settings."""

import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Session
from sqlmodel import Field, col, select

from crm.core.models import ClinicScoped, DataClass, table_args

_ID_BYTES = 32
_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)


class Undecipherable(Exception):
    """The text was not written for this row with a key of this clinic, or its key is gone."""


class ClinicKey(ClinicScoped, table=True):
    """A data key of a clinic, wrapped; destroying it erases what it encrypted."""

    __tablename__ = "clinic_keys"
    __table_args__ = table_args(UniqueConstraint("clinic_id", "number"))
    retention = DataClass.ACCOUNT

    number: int
    wrapped: bytes = Field(sa_type=LargeBinary)


class _DataKey(NamedTuple):
    box: Fernet
    signing: bytes


class Keyring:
    """Encrypts, decrypts and signs for every clinic; unwrapped keys stay in this process."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._master = MultiFernet([Fernet(key) for key in keys])
        self._unwrapped: dict[UUID, dict[int, _DataKey]] = {}

    def new_key(self, number: int = 1) -> ClinicKey:
        """Return a fresh data key, wrapped, to be stored with a clinic."""
        return ClinicKey(number=number, wrapped=self._master.encrypt(Fernet.generate_key()))

    def rewrap(self, key: ClinicKey) -> None:
        """Wrap a data key again with the newest key of the settings."""
        key.wrapped = self._master.rotate(key.wrapped)

    def encrypt(self, session: Session, clinic_id: UUID, row_id: UUID, text: str) -> str:
        """Return a token that only this row of this clinic can read back."""
        keys = self._keys(session, clinic_id)
        number = max(keys)
        token = keys[number].box.encrypt(clinic_id.bytes + row_id.bytes + text.encode())
        return f"{number}:{token.decode()}"

    def decrypt(self, session: Session, clinic_id: UUID, row_id: UUID, token: str) -> str:
        """Return the text of a token. Raises Undecipherable."""
        number, _, sealed = token.partition(":")
        key = self._numbered(session, clinic_id, number)
        if key is None:
            raise Undecipherable("the token names no data key of the clinic")
        try:
            opened = key.box.decrypt(sealed.encode())
        except InvalidToken as fault:
            raise Undecipherable(number) from fault
        if opened[:_ID_BYTES] != clinic_id.bytes + row_id.bytes:
            raise Undecipherable(number)
        return opened[_ID_BYTES:].decode()

    def sign(self, session: Session, clinic_id: UUID, message: bytes) -> str:
        """Return a signature (HMAC-SHA256) that only this clinic's key makes."""
        keys = self._keys(session, clinic_id)
        number = max(keys)
        return f"{number}:{_signed(keys[number], message)}"

    def is_signed(self, session: Session, clinic_id: UUID, message: bytes, signature: str) -> bool:
        """Whether this clinic's key, by the number it carries, made the signature."""
        number, _, signed = signature.partition(":")
        key = self._numbered(session, clinic_id, number)
        return key is not None and hmac.compare_digest(
            _signed(key, message).encode(), signed.encode()
        )

    def forget(self, clinic_id: UUID) -> None:
        """Drop a clinic's keys from this process, after they were rotated or destroyed."""
        self._unwrapped.pop(clinic_id, None)

    def _numbered(self, session: Session, clinic_id: UUID, number: str) -> _DataKey | None:
        """Return the key of a number, which another process may have made a moment ago."""
        if not _NUMBER.fullmatch(number):
            return None
        known = self._keys(session, clinic_id)
        if int(number) not in known:
            known = self._load(session, clinic_id)
        return known.get(int(number))

    def _keys(self, session: Session, clinic_id: UUID) -> dict[int, _DataKey]:
        return self._unwrapped.get(clinic_id) or self._load(session, clinic_id)

    def _load(self, session: Session, clinic_id: UUID) -> dict[int, _DataKey]:
        """Read and unwrap the clinic's keys. Raises Undecipherable, and keeps what was known."""
        columns = select(ClinicKey.number, ClinicKey.wrapped)
        rows = session.execute(columns.where(col(ClinicKey.clinic_id) == clinic_id)).all()
        if not rows:
            raise Undecipherable("the clinic has no data key")
        try:
            known = {row.number: _data_key(self._master.decrypt(row.wrapped)) for row in rows}
        except InvalidToken as fault:
            raise Undecipherable("no key of ENCRYPTION_KEYS opens the clinic's data key") from fault
        self._unwrapped[clinic_id] = known
        return known


def _data_key(raw: bytes) -> _DataKey:
    # What signs is derived, so that no key serves two ends.
    return _DataKey(Fernet(raw), hmac.digest(raw, b"frontdesk signatures", "sha256"))


def _signed(key: _DataKey, message: bytes) -> str:
    return hmac.digest(key.signing, message, "sha256").hex()
