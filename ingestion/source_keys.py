"""The keys that secrets of sources are encrypted with: from the settings, or a file."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.data_dir import in_data_dir, make_usable
from core.errors import ConfigurationError
from core.ingestion_settings import SHORTEST_SECRET_KEY
from core.settings import Settings

_NONCE = 12
_FILE = "sources.key"


class WrongKey(Exception):
    """None of the keys opens it, or it was written for another place."""


class SourceKeys:
    """Keys by which texts are encrypted (AES-256-GCM); each text is bound to its place.

    Args:
        keys: long random texts, the newest first: that one encrypts, all of them decrypt.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._ciphers = {_name(key): AESGCM(_derive(key)) for key in keys}
        self._newest = next(iter(self._ciphers))

    def encrypt(self, text: str, place: str) -> str:
        """Encrypt a text with the newest key, to be read at that place only."""
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._ciphers[self._newest].encrypt(nonce, text.encode(), place.encode())
        return f"1:{self._newest}:{sealed.hex()}"

    def decrypt(self, sealed: str, place: str) -> str:
        """What was encrypted.

        Raises:
            WrongKey: with none of these keys, or for another place; or it was tampered with.
        """
        version, _, rest = sealed.partition(":")
        name, _, content = rest.partition(":")
        if version != "1" or name not in self._ciphers:
            raise WrongKey
        try:
            raw = bytes.fromhex(content)
            return self._ciphers[name].decrypt(raw[:_NONCE], raw[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise WrongKey from None

    def is_newest(self, sealed: str) -> bool:
        """Whether it was encrypted with the newest key."""
        return sealed.startswith(f"1:{self._newest}:")


def read_keys(settings: Settings) -> SourceKeys:
    """The keys that the settings name. In development, a file in the data directory is made where they name none.

    Raises:
        ConfigurationError: the file can't be read, or holds no key.
        StorageUnavailable: the data directory can't be used.
    """
    sources = settings.sources
    former = [key.get_secret_value() for key in sources.former_secret_keys]
    if sources.secret_key is not None:
        return SourceKeys([sources.secret_key.get_secret_value(), *former])
    if sources.secret_key_file is not None:
        return SourceKeys([*_read(sources.secret_key_file), *former])
    file = settings.data_dir.absolute() / _FILE
    if not file.exists():
        _make(settings.data_dir, file)
    return SourceKeys([*_read(file), *former])


def _read(file: Path) -> list[str]:
    named = f"sources.secret_key_file ({file})"
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise ConfigurationError(f"{named} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{named} isn't text: put a key on its first line.") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or min(map(len, keys)) < SHORTEST_SECRET_KEY:
        raise ConfigurationError(
            f"{named} needs a key of at least {SHORTEST_SECRET_KEY} characters on each line, the newest first."
        )
    return keys


def _make(data_dir: Path, file: Path) -> None:
    """Make the file whole or not at all: another process may look for it at this moment."""
    make_usable(data_dir)
    with in_data_dir(data_dir), tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=".key-") as new:
        # Mode 0600, as temporary files have.
        new.write(f"# Encrypts the secrets of sources. Keep a copy apart from the catalog.\n{secrets.token_hex(32)}\n")
        new.flush()
        os.fsync(new.fileno())
        try:
            os.link(new.name, file)
        except FileExistsError:
            return  # another process was quicker


def _derive(key: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"footnote secrets of sources").derive(key.encode())


def _name(key: str) -> str:
    """What tells keys apart; nothing of the key can be learnt from it."""
    return hashlib.sha256(b"footnote name of key " + _derive(key)).hexdigest()[:12]
