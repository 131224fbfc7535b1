"""Files of secrets, which are never documents: private keys, password files, the credentials of clouds and clusters.

A name says it where it is one that nothing else has (``id_rsa``, ``.env``). Where it is ambiguous, the bytes do: a
``.pem`` with a private key in it is secret, one with certificates alone is a document as any other; a ``.key`` is
secret unless it is a ZIP container, as presentations of Keynote are. And a file that is a key from its first line on is
one under every name.

The rule is the same for a file in a folder, a member of an archive and an attachment, and no setting changes it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable
from itertools import pairwise
from pathlib import PurePosixPath

LOOKED_AT = 1_000_000
"""Bytes of a file that are looked at: no key file is longer."""

_PASSWORDS = "a file of passwords or tokens"
_CLOUD = "credentials of a cloud"
_STATE = "a state or variables of Terraform, which hold passwords"
_SSH = "a private SSH key"
_STORE = "a store of private keys"
_KEY = "a private key"
_SETTINGS = "settings of Footnote"
_FOOTNOTE_KEY = "a key of Footnote"
_FOOTNOTE_DATA = "data of Footnote"

_FOLDERS = {
    ".git": "the inside of a Git repository",
    ".ssh": "a folder of SSH keys",
    ".gnupg": "a folder of PGP keys",
    ".aws": _CLOUD,
    ".azure": _CLOUD,
    ".kube": "credentials of a cluster",
    ".footnote": _FOOTNOTE_DATA,
}
_PAIRS = {
    (".config", "gcloud"): _CLOUD,
    **dict.fromkeys(((".config", "gh"), (".docker", "config.json"), ("etc", "shadow"), ("etc", "gshadow")), _PASSWORDS),
}
"""What is secret in a folder of one name alone."""
_NAMES = {
    **dict.fromkeys((".env", ".envrc", ".netrc", "_netrc", ".pgpass", "pgpass.conf", ".my.cnf"), _PASSWORDS),
    **dict.fromkeys((".npmrc", ".yarnrc.yml", ".pypirc", ".htpasswd", "htpasswd", ".git-credentials"), _PASSWORDS),
    **dict.fromkeys((".dockercfg", ".vault-token", ".s3cfg", ".boto"), _PASSWORDS),
    **dict.fromkeys(("kubeconfig", "kubeconfig.yaml", "kubeconfig.yml"), "credentials of a cluster"),
    **dict.fromkeys(("application_default_credentials.json", "accesstokens.json", "msal_token_cache.json"), _CLOUD),
    **dict.fromkeys(("terraform.tfstate", "terraform.tfstate.backup"), _STATE),
    "secring.gpg": "a private PGP key",
    "admin.key": _FOOTNOTE_KEY,
    "footnote.toml": _SETTINGS,
}
_SUFFIXES = {
    **dict.fromkeys((".p12", ".pfx", ".jks", ".jceks", ".bks", ".keystore", ".keytab"), _STORE),
    **dict.fromkeys((".kdbx", ".kdb"), "a store of passwords"),
    **dict.fromkeys((".p8", ".pk8", ".ppk"), _KEY),
    **dict.fromkeys((".tfstate", ".tfvars"), _STATE),
    ".env": _PASSWORDS,
}
_SSH_NAME = re.compile(r"id_(rsa|dsa|ecdsa|ed25519|xmss)([-_][\w-]*)?|ssh_host_\w+_key")
_CLIENT_NAME = re.compile(r"client_secret.*\.json")
_ENV_NAME = re.compile(r"\.env\.(?!(example|sample|template|dist|schema)$)")
_BLOB = re.compile(r"(?:.*/)?documents/[0-9a-f]{32}/[0-9a-f]{64}/(?:original|parsed\.json)")
"""How Footnote keeps the documents that it holds."""
_DATA_FILES = ("catalog.sqlite3", "admin.key")
DATA_FOLDERS = ("run", "blobs", "index")
"""What a data directory of Footnote looks like."""
_BACKUP = re.compile(r"(~|\.(bak|old|orig|save|swp|backup|copy)\d*|\.\d{1,3}| \(\d+\)| copy)+$")
"""What a copy's name ends with: the copy is as secret as its original."""

_LONGEST_NAME = 255

_KEEPS_KEYS = (".pem", ".key", ".crt", ".cer", ".der", ".cert", ".ovpn", ".asc", ".gpg")
"""Names of files that hold a private key, a certificate or both."""
_ZIP = b"PK\x03\x04"
PRIVATE_KEY = r"BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY"
"""The first words of a private key in PEM, of whatever kind, encrypted or not."""
_PRIVATE = re.compile(PRIVATE_KEY.encode())
_STARTS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:-----" + PRIVATE_KEY.encode() + rb"(?: BLOCK)?-----"
    rb"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1)"
)
_WHOLE_FOOTNOTE_KEY = re.compile(rb"(?:\xef\xbb\xbf)?\s*fn_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\s*\Z")
_CLOUD_JSON = (
    (
        re.compile(rb'"type"\s*:\s*"(?:service_account|authorized_user|external_account)"'),
        re.compile(rb'"(?:private_key|client_secret|refresh_token)"\s*:'),
    ),
    (re.compile(rb'"clientSecret"\s*:'), re.compile(rb'"tenantId"\s*:')),
)
"""What stands in the files of Google and of Azure that a program logs in with."""


def secret_by_name(path: str) -> str | None:
    """What secret a file of this path is, by its name or a folder's above it; None if the name doesn't say.

    Args:
        path: with ``/``, relative to whatever holds the file.
    """
    parts = [part.casefold() for part in PurePosixPath(path).parts]
    if not parts:
        return None
    # Its end says enough of a name that is longer than a file's can be, as archives may have them.
    parts[-1] = parts[-1][-_LONGEST_NAME:]
    parts[-1] = _BACKUP.sub("", parts[-1]) or parts[-1]
    for folder, below in pairwise(parts):
        found = _FOLDERS.get(folder) or _PAIRS.get((folder, below))
        if found is not None:
            return found
    if _BLOB.fullmatch("/".join(parts)):
        return _FOOTNOTE_DATA
    return _by_plain_name(parts[-1])


def _by_plain_name(plain: str) -> str | None:
    if _SSH_NAME.fullmatch(plain):
        return _SSH
    if _ENV_NAME.match(plain):
        return _PASSWORDS
    if _CLIENT_NAME.fullmatch(plain):
        return _CLOUD
    return _NAMES.get(plain) or _SUFFIXES.get(PurePosixPath(plain).suffix)


def secret_by_content(path: str, content: bytes) -> str | None:
    """What secret a file's bytes are; None if they are none.

    Args:
        path: as for :func:`secret_by_name`.
        content: the file's bytes, or its first :data:`LOOKED_AT`.
    """
    head = _as_utf8(content[:LOOKED_AT])
    if _STARTS.match(head):
        return _KEY
    if _WHOLE_FOOTNOTE_KEY.match(head):
        return _FOOTNOTE_KEY
    suffix = PurePosixPath(_BACKUP.sub("", path[-_LONGEST_NAME:].casefold())).suffix
    if suffix in _KEEPS_KEYS and _PRIVATE.search(head):
        return _KEY
    if suffix == ".key" and not head.startswith(_ZIP):
        return _KEY
    if suffix == ".json" and any(all(mark.search(head) for mark in marks) for marks in _CLOUD_JSON):
        return _CLOUD
    return None


def _as_utf8(content: bytes) -> bytes:
    """Text of Windows in UTF-8; everything else as it is."""
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    return content.decode("utf-16", "ignore").encode()


def data_folders(paths: Iterable[str]) -> frozenset[str]:
    """The folders among these files that look like a data directory of Footnote, as a backup of one has them.

    They hold a catalog or a key, and what lies beside those. Each ends with ``/``; the top one is empty.
    """
    held: dict[str, set[str]] = {}
    for path in paths:
        parts = path.split("/")
        if parts[-1] in _DATA_FILES:
            held.setdefault("/".join((*parts[:-1], "")), set()).add(parts[-1])
        for number, part in enumerate(parts[:-1]):
            if part in DATA_FOLDERS:
                held.setdefault("/".join((*parts[:number], "")), set()).add(part)
    return frozenset(folder for folder, names in held.items() if len(names) > 1 and not names.isdisjoint(_DATA_FILES))


def secret_file(path: str, content: bytes, data: Collection[str] = ()) -> str | None:
    """What secret a file is, by its name, its bytes or its folder; None if it is none.

    Args:
        data: folders of Footnote's data, as :func:`data_folders` gives them.
    """
    if any(path.startswith(folder) for folder in data):
        return _FOOTNOTE_DATA
    return secret_by_name(path) or secret_by_content(path, content)
