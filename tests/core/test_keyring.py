"""The keys of clinics, while other processes rotate, add and destroy them."""

from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import delete, event

from crm.core.crypto import ClinicKey, Keyring, Undecipherable
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.runtime import encryption_keys


@pytest.fixture
def other_process(runtime: Runtime) -> Keyring:
    """The keyring of another process with the same settings."""
    return Keyring(encryption_keys(runtime.settings))


def add_key(uow: UnitOfWork, keyring: Keyring, number: int) -> None:
    key = keyring.new_key(number)
    key.clinic_id = uow.clinic_id
    uow.add(key)
    keyring.forget(uow.clinic_id)


def test_a_key_that_another_process_made_is_found(
    runtime: Runtime, uow: UnitOfWork, other_process: Keyring
) -> None:
    row_id = new_id()
    old = uow.encrypt(row_id, "before")
    add_key(uow, other_process, 2)
    new = other_process.encrypt(uow.session, uow.clinic_id, row_id, "after")
    signed = other_process.sign(uow.session, uow.clinic_id, b"words")
    assert (old[:2], new[:2], signed[:2]) == ("1:", "2:", "2:")
    assert uow.keyring.is_signed(uow.session, uow.clinic_id, b"words", signed)
    assert uow.decrypt(row_id, new) == "after"
    assert uow.decrypt(row_id, old) == "before"
    # Who knows of the new key writes by it.
    assert uow.encrypt(row_id, "now").startswith("2:")


@pytest.mark.parametrize("number", ["7", "x", "", "-1", "1e3", "\u0667", "9" * 5000])
def test_a_number_that_no_key_has_fails_clearly_after_one_look(
    uow: UnitOfWork, number: str
) -> None:
    row_id = new_id()
    sealed = uow.encrypt(row_id, "words").partition(":")[2]
    asked: list[str] = []

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    bind = uow.session.get_bind()
    event.listen(bind, "before_cursor_execute", note)
    with pytest.raises(Undecipherable):
        uow.decrypt(row_id, f"{number}:{sealed}")
    event.remove(bind, "before_cursor_execute", note)
    assert len(asked) == (1 if number == "7" else 0)
    assert uow.decrypt(row_id, f"1:{sealed}") == "words"
    assert not uow.keyring.is_signed(uow.session, uow.clinic_id, b"words", f"{number}:00")


def test_a_key_wrapped_by_a_secret_that_is_not_ours_is_told_and_the_known_ones_stay(
    uow: UnitOfWork,
) -> None:
    row_id = new_id()
    token = uow.encrypt(row_id, "words")
    add_key(uow, Keyring([Fernet.generate_key().decode()]), 2)
    with pytest.raises(Undecipherable, match="ENCRYPTION_KEYS"):
        uow.decrypt(row_id, "2:" + token.partition(":")[2])
    assert uow.decrypt(row_id, token) == "words"


def test_a_clinic_whose_keys_were_destroyed_cannot_be_read(
    runtime: Runtime, clinic: UUID, other_process: Keyring
) -> None:
    row_id = new_id()
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        token = uow.encrypt(row_id, "words")
        uow.session.execute(delete(ClinicKey))
    with (
        runtime.database.transaction(clinic, SYSTEM) as uow,
        pytest.raises(Undecipherable, match="no data key"),
    ):
        other_process.decrypt(uow.session, clinic, row_id, token)
