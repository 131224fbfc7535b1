"""Secrets in the configuration of sources: encrypted in the catalog, a mask everywhere else.

In a stored configuration a secret stands as ``{"$secret": "<encrypted>"}``, bound to its source and its place in the
configuration. Which values are secrets, the connector's model says: those that it declares ``SecretStr``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from core.errors import ConfigurationError, InvalidRequest
from ingestion.source_keys import SourceKeys, WrongKey

MASK = "********"
_SEALED = "$secret"
_ADDRESSES = ("host", "endpoint", "server", "url", "site", "tenant", "domain", "proxy")
"""Parts of the names of settings that say where a source is."""

Path = tuple[str | int, ...]


def masked(config: Mapping[str, Any]) -> dict[str, Any]:
    """A stored configuration as it may be shown: each secret is eight stars."""
    return dict(_replace(config, lambda _, __: MASK))


def without_secrets(said: Any, config: Mapping[str, Any], sealed: Mapping[str, Any]) -> Any:
    """The same, with each secret of a configuration, wherever a text repeats it, replaced by a mask.

    Args:
        config: the configuration with its secrets readable.
        sealed: the same as it is stored, which tells what is secret in it.
    """
    paths: list[Path] = []
    _replace(sealed, lambda _, path: paths.append(path))
    leaves = _leaves(config)
    # The longest first: one may begin like another. Of three characters and less no secret is worth a text's words.
    known = sorted((leaves[path] for path in paths if len(leaves.get(path, "")) > 3), key=len, reverse=True)  # noqa: PLR2004

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return reduce(lambda text, secret: text.replace(secret, MASK), known, value)
        if isinstance(value, Mapping):
            return {key: clean(inner) for key, inner in value.items()}
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    return clean(said)


class SourceSecrets:
    """Writes secrets into configurations and reads them out.

    Args:
        keys: gives the keys, once they are needed: most sources have no secrets.
    """

    def __init__(self, keys: Callable[[], SourceKeys]) -> None:
        self._keys = keys

    def seal(
        self, config: Mapping[str, Any], read: BaseModel, owner: str, stored: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A configuration to be stored.

        Args:
            config: as it was sent.
            read: the same, read by its connector's model.
            owner: the source's id, or that of whatever else keeps it.
            stored: what it replaces: a secret that is the same stays as it is, and so isn't taken for a change.

        Raises:
            InvalidRequest: a secret is only a mask, or the configuration holds what looks like a sealed one.
        """

        def refuse(_: str, path: Path) -> Any:
            raise InvalidRequest(f"The source's config, {_dotted(path)!r}: {_SEALED!r} is no key of a configuration.")

        _replace(config, refuse)
        sealed = self._seal(config, read.model_dump(by_alias=True, exclude_unset=True), owner, ())
        had: dict[Path, str] = {}
        _replace(stored or {}, lambda token, path: had.update({path: token}))
        return dict(_replace(sealed, lambda token, path: {_SEALED: self._older(token, had.get(path), owner, path)}))

    def _older(self, token: str, had: str | None, owner: str, path: Path) -> str:
        """What was stored before, if it holds the same secret."""
        if had is None:
            return token
        keys, place = self._keys(), _place(owner, path)
        try:
            return had if keys.decrypt(had, place) == keys.decrypt(token, place) else token
        except WrongKey:
            return token  # its key is lost, and this is the secret again

    def open(self, config: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """A stored configuration with its secrets readable: for the connector, and nobody else.

        Raises:
            ConfigurationError: no key of the settings opens them.
        """
        return dict(_replace(config, lambda sealed, path: self._decrypt(sealed, owner, path)))

    def restore(self, config: Mapping[str, Any], stored: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """A changed configuration, with what is stored in place of each mask.

        Raises:
            InvalidRequest: a mask stands where no secret is stored, or in a list whose entry changed otherwise; or
                secrets are to be kept while the source is to be somewhere else, where they would be sent.
            ConfigurationError: as for :meth:`open`.
        """
        if MASK not in _leaves(config).values():
            return dict(config)
        moved = _addresses(config).items() ^ _addresses(masked(stored)).items()
        if moved:
            changed = min(_dotted(path) for path, _ in moved)
            raise InvalidRequest(
                f"{changed!r} changes, and that is where the source's secrets would be sent: send them again as well, "
                f"instead of {MASK!r}."
            )
        return dict(self._restore(config, stored, owner, ()))

    def reseal(self, config: Mapping[str, Any], owner: str) -> dict[str, Any] | None:
        """A stored configuration under the newest key; None if it is already.

        Raises:
            ConfigurationError: as for :meth:`open`.
        """
        changed = []

        def renew(sealed: str, path: Path) -> Any:
            if self._keys().is_newest(sealed):
                return {_SEALED: sealed}
            changed.append(path)
            return self._encrypt(self._decrypt(sealed, owner, path), owner, path)

        renewed = dict(_replace(config, renew))
        return renewed if changed else None

    def _seal(self, sent: Any, read: Any, owner: str, path: Path) -> Any:
        if isinstance(read, SecretStr | SecretBytes):
            if not isinstance(sent, str) or sent == MASK:
                raise InvalidRequest(f"The source's config, {_dotted(path)!r}: send the secret itself, as text.")
            return self._encrypt(sent, owner, path)
        if isinstance(read, Mapping) and isinstance(sent, Mapping):
            if any(_holds_secrets(value) and key not in sent for key, value in read.items()):
                raise _unlocatable(path)
            return {key: self._seal(value, read.get(key), owner, (*path, key)) for key, value in sent.items()}
        if isinstance(read, list | tuple) and isinstance(sent, list | tuple) and len(read) == len(sent):
            return [self._seal(*both, owner, (*path, n)) for n, both in enumerate(zip(sent, read, strict=True))]
        if _holds_secrets(read):
            raise _unlocatable(path)
        return sent

    def _restore(self, sent: Any, stored: Any, owner: str, path: Path) -> Any:
        if sent == MASK:
            if not _is_sealed(stored):
                raise InvalidRequest(f"The source's config, {_dotted(path)!r}: no secret is stored there; send it.")
            return self._decrypt(stored[_SEALED], owner, path)
        if isinstance(sent, Mapping):
            had = stored if isinstance(stored, Mapping) else {}
            return {key: self._restore(value, had.get(key), owner, (*path, key)) for key, value in sent.items()}
        if isinstance(sent, list) and MASK in _leaves(sent).values():
            if not isinstance(stored, list) or sent != _replace(stored, lambda _, __: MASK):
                # Which entry is which can't be told once one was added, moved or changed.
                raise InvalidRequest(f"The source's config, {_dotted(path)!r} changes: send its secrets again as well.")
            return _replace(stored, lambda sealed, at: self._decrypt(sealed, owner, at), path)
        return sent

    def _encrypt(self, text: str, owner: str, path: Path) -> dict[str, str]:
        return {_SEALED: self._keys().encrypt(text, _place(owner, path))}

    def _decrypt(self, sealed: str, owner: str, path: Path) -> str:
        try:
            return self._keys().decrypt(sealed, _place(owner, path))
        except WrongKey:
            raise ConfigurationError(
                f"The secret {_dotted(path)!r} of source {owner} can't be decrypted with the keys that the settings "
                "name (sources.secret_key, secret_key_file, former_secret_keys): bring back the key that it was "
                "encrypted with, or change the source's config and send the secret again."
            ) from None


def _replace(value: Any, change: Callable[[str, Path], Any], path: Path = ()) -> Any:
    """The same with each sealed secret replaced by ``change(encrypted, path)``."""
    if _is_sealed(value):
        return change(value[_SEALED], path)
    if isinstance(value, Mapping):
        return {key: _replace(inner, change, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replace(inner, change, (*path, number)) for number, inner in enumerate(value)]
    return value


def _is_sealed(value: Any) -> bool:
    return isinstance(value, Mapping) and _SEALED in value


def _holds_secrets(value: Any) -> bool:
    if isinstance(value, SecretStr | SecretBytes):
        return True
    if isinstance(value, Mapping):
        return any(map(_holds_secrets, value.values()))
    return isinstance(value, list | tuple | set | frozenset) and any(map(_holds_secrets, value))


def _leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    if isinstance(value, Mapping):
        return {at: leaf for key, inner in value.items() for at, leaf in _leaves(inner, (*path, key)).items()}
    if isinstance(value, list | tuple):
        return {at: leaf for key, inner in enumerate(value) for at, leaf in _leaves(inner, (*path, key)).items()}
    return {path: value}


def _addresses(config: Mapping[str, Any]) -> dict[Path, str]:
    """The settings that say where a source is; of an address, its scheme and host."""
    found = {}
    for path, value in _leaves(config).items():
        if not isinstance(value, str) or value == MASK:
            continue
        scheme, _, rest = value.partition("://")
        if rest:
            found[path] = f"{scheme}://{re.split(r'[/?#]', rest, maxsplit=1)[0]}".casefold()
        elif any(word in str(path[-1]).casefold() for word in _ADDRESSES):
            found[path] = value.casefold()
    return found


def _place(owner: str, path: Path) -> str:
    return "\0".join([owner, *map(str, path)])


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _unlocatable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The connector's model reads {_dotted(path) or 'the config'!r} into another shape than it was sent in, so its "
        "secrets can't be told from the rest: declare them where they are sent."
    )
