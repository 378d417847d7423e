"""Field encryption and signatures: one data key a clinic, wrapped by the keys of the settings."""

import hmac
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Session
from sqlmodel import Field, col, select

from crm.core.models import ClinicScoped, DataClass, table_args

_ID_BYTES = 32


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
        key = self._keys(session, clinic_id).get(int(number))
        if key is None:
            raise Undecipherable(number)
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
        keys = {str(known): key for known, key in self._keys(session, clinic_id).items()}
        return number in keys and hmac.compare_digest(
            _signed(keys[number], message).encode(), signed.encode()
        )

    def forget(self, clinic_id: UUID) -> None:
        """Drop a clinic's keys from this process, after they were rotated or destroyed."""
        self._unwrapped.pop(clinic_id, None)

    def _keys(self, session: Session, clinic_id: UUID) -> dict[int, _DataKey]:
        known = self._unwrapped.get(clinic_id)
        if known is None:
            rows = session.scalars(select(ClinicKey).where(col(ClinicKey.clinic_id) == clinic_id))
            known = {row.number: _data_key(self._master.decrypt(row.wrapped)) for row in rows}
            if not known:
                raise Undecipherable("the clinic has no data key")
            self._unwrapped[clinic_id] = known
        return known


def _data_key(raw: bytes) -> _DataKey:
    # What signs is derived, so that no key serves two ends.
    return _DataKey(Fernet(raw), hmac.digest(raw, b"frontdesk signatures", "sha256"))


def _signed(key: _DataKey, message: bytes) -> str:
    return hmac.digest(key.signing, message, "sha256").hex()
