"""Sidecars: small YAML files that say of the documents beside them what those don't say themselves.

``report.pdf.meta.yaml`` speaks of ``report.pdf``, ``_folder.meta.yaml`` of everything in its folder and below it. Both
may end in ``.yml``, and be written in capitals.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from ingestion.partitioning.facts import BadFacts, Facts, read_facts
from ingestion.partitioning.plain_yaml import NotYamlError, load_yaml

SUFFIX = ".meta.yaml"
MOST_BYTES = 1_000_000
FOLDER = "_folder"
FOLDER_SIDECAR = FOLDER + SUFFIX
_SIDECAR = re.compile(r"(.*)\.meta\.ya?ml", re.IGNORECASE | re.DOTALL)
_MISNAMED = re.compile(
    r"(.*)\.meta(?:\.?ya?ml\W.*|\.json|\.toml|\.txt|\W+\d+\W*\.ya?ml|ya?ml)|(_folder)\.(?:ya?ml|json|toml)",
    re.IGNORECASE | re.DOTALL,
)
FOLDER_SPELLINGS = tuple(spelt for name in (FOLDER_SIDECAR, f"{FOLDER}.meta.yml") for spelt in (name, name.upper()))
"""How a folder's sidecar is most likely to be spelt."""
_ROOT = "root"


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says.

    Attributes:
        root: it is a folder's, and what folders above that one say doesn't count in it.
    """

    facts: Facts
    root: bool = False


def is_sidecar(name: str) -> bool:
    """Whether a file of this name describes others and is no document itself."""
    return _SIDECAR.fullmatch(name) is not None


def described_by(name: str) -> str | None:
    """The file that a sidecar of this name describes; None for a folder's sidecar."""
    found = _SIDECAR.fullmatch(name)
    assert found is not None
    return None if found[1].casefold() == FOLDER else found[1]


def is_misnamed(name: str) -> str | None:
    """The file that a file of this name may be meant to describe, though it is no sidecar; None: none.

    An editor's copy of a sidecar, one in another format, one whose ending a system has hidden.
    """
    found = None if is_sidecar(name) else _MISNAMED.fullmatch(name)
    return (found[1] or found[2]) if found else None


class Strays:
    """Names in one folder that seem to be meant for sidecars, and aren't the sidecar of anything there.

    They are kept by what they may describe, as people tell names apart: in any case and composition.
    """

    def __init__(self) -> None:
        self._meant: dict[str, list[str]] = {}

    def add(self, name: str) -> None:
        """Take in a name, if it may be meant for the sidecar of a file or folder."""
        meant = described_by(name) if is_sidecar(name) else is_misnamed(name)
        if meant is not None:
            self._meant.setdefault(_plain(meant), []).append(name)

    def for_file(self, name: str) -> list[str]:
        """Those that may be meant for a file that has no sidecar: they differ in case, ending or composition."""
        stem = _plain(PurePosixPath(name).stem)
        loose = [one for one in self._meant.get(stem, []) if is_sidecar(one)] if stem != _plain(name) else []
        return [*self._meant.get(_plain(name), []), *loose]

    def for_folder(self) -> list[str]:
        """Those that may be meant for the sidecar of the folder, which has none."""
        return [one for near in get_close_matches(FOLDER, self._meant, cutoff=0.75) for one in self._meant[near]]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def mentions_readers(head: bytes) -> bool:
    """Whether a file that is no sidecar, but may be meant for one, seems to say who may read another."""
    return b"acl" in head.replace(b"\x00", b"").lower()


def misnamed(shown: str, what: str, right: str) -> BadFacts:
    """The refusal of what stands beside a stray that mentions readers.

    Args:
        shown: the stray.
        what: what it may speak of.
        right: how its name would have to be.
    """
    return BadFacts(
        f"{shown} seems to say who may read {what}, but that is not the name of its sidecar: name it {right}, or "
        "remove it"
    )


def read_sidecar(content: bytes, name: str) -> Sidecar:
    """What a sidecar says, understood to its end.

    Args:
        name: as messages call it; its last part tells a folder's sidecar from a file's.

    Raises:
        BadFacts: it can't be understood; nobody knows then what it was to restrict.
    """
    if len(content) > MOST_BYTES:
        raise BadFacts(f"the sidecar {name} is larger than a sidecar can be")
    try:
        written = load_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadFacts(f"the sidecar {name} is not UTF-8") from None
    except NotYamlError as error:
        raise BadFacts(f"the sidecar {name} is not YAML: {error}") from None
    if written is None:
        # Most likely half-written: taking it for "says nothing" would publish what it is about to protect.
        raise BadFacts(f"the sidecar {name} is empty")
    if not isinstance(written, dict):
        raise BadFacts(f"the sidecar {name} must be a list of 'key: value' lines")
    is_folder = described_by(name.rpartition("/")[2]) is None
    root = written.pop(_ROOT, False) if is_folder else False
    if not isinstance(root, bool):
        raise BadFacts(f"the sidecar {name}: {_ROOT!r} must be true or false")
    try:
        return Sidecar(read_facts(written, strict=True).coming_from(f"sidecar {name}"), root)
    except BadFacts as error:
        raise BadFacts(f"the sidecar {name}: {error}") from None
