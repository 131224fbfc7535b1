"""What wants to say who may read a document is understood to its end, or hides it: never is it passed over."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.principal import AccessList
from core.settings import Settings
from ingestion.connectors.folder.connector import FolderConfig, FolderConnector
from ingestion.connectors.port import Unreadable, Upsert
from ingestion.connectors.registry import open_connector
from tests.listings import read
from tests.unprivileged import unprivileged

HR = ("group:hr",)
LONG = 70_000
BLOCK = "---\nacl: [group:hr]\n---\ntext"
CONFLICT = "speak of the same: keep one of them"


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def listed(root: Path, **config: Any) -> dict[str, Any]:
    found = read(FolderConnector(FolderConfig(path=root, **config), 100_000_000)).changes
    return {change.external_id: change for change in found}


def readers(change: Any) -> tuple[str, ...] | None:
    """Terms of those who may read it; None for what is hidden because they aren't known."""
    if isinstance(change, Unreadable):
        assert change.reason
        return None if change.acl is None else change.acl.terms()
    assert isinstance(change, Upsert)
    return tuple(change.acl.terms())


@pytest.mark.parametrize("name", ["a.md.meta.yml", "a.md.META.YAML", "_folder.meta.yml", "_FOLDER.META.YAML"])
def test_every_spelling_of_a_sidecar_is_read(tmp_path: Path, name: str) -> None:
    put(tmp_path / "a.md", "text")
    put(tmp_path / name, "acl: [group:hr]")

    assert readers(listed(tmp_path)["a.md"]) == HR


@pytest.mark.parametrize(
    ("sidecars", "says"),
    [
        ({"a.md.meta.yaml": "acl: [group:hr]", "a.md.meta.yml": "acl: [public]"}, CONFLICT),
        ({"_folder.meta.yaml": "acl: [group:hr]", "_FOLDER.META.YAML": "acl: [public]"}, CONFLICT),
        ({"A.md.meta.yaml": "acl: [group:hr]"}, "A.md.meta.yaml seems to say"),
        ({"a.meta.yaml": "acl: [group:hr]"}, "a.meta.yaml seems to say"),
        ({"a.md.meta.yaml.txt": "acl: [group:hr]"}, "name it a.md.meta.yaml"),
        ({"a.md.meta.json": '{"acl": ["group:hr"]}'}, "name it a.md.meta.yaml"),
        ({"_folder.meta.yaml.bak": "acl: [group:hr]"}, "name it _folder.meta.yaml"),
        ({"folder.meta.yaml": "acl: [group:hr]"}, "name it _folder.meta.yaml"),
        ({"_folder.yaml": "acl: [group:hr]"}, "name it _folder.meta.yaml"),
        ({"a.md.meta.yaml": "acl: [group:hr]\nacl: [public]"}, "'acl' stands there twice"),
        ({"a.md.meta.yaml": "title: a\ntitle: b\nacl: [group:hr]"}, "'title' stands there twice"),
        ({"a.md.meta.yaml": "acl: &a [group:hr]\ntags: *a"}, "aliases"),
        ({"a.md.meta.yaml": "acl: [group:hr]\n---\nacl: [public]"}, "not YAML"),
        ({"a.md.meta.yaml": "[" * 100_000}, "nested too deeply"),
        ({"a.md.meta.yaml": "owner: !!int ''\nacl: [group:hr]"}, "not YAML"),
        ({"a.md.meta.yaml": "acl: [group:hr]" + "#" * 1_000_000}, "larger than"),
        ({"a.md.meta.yaml": "root: true\nacl: [group:hr]"}, "unknown key 'root'"),
        ({"_folder.meta.yaml": "root: 1\nacl: [group:hr]"}, "'root' must be true or false"),
    ],
)
def test_what_is_no_sidecar_to_the_end_hides_what_it_may_speak_of(
    tmp_path: Path, sidecars: dict[str, str], says: str
) -> None:
    put(tmp_path / "a.md", "text")
    for name, content in sidecars.items():
        put(tmp_path / name, content)

    change = listed(tmp_path)["a.md"]

    assert readers(change) is None
    assert says in change.reason
    assert all(name in change.reason for name in sidecars)


@pytest.mark.parametrize("name", ["a.md.meta.yaml", "_folder.meta.yaml"])
def test_a_sidecar_that_is_no_file_hides_too(tmp_path: Path, name: str) -> None:

    put(tmp_path / "pipe/a.md", "text")
    os.mkfifo(tmp_path / "pipe" / name)
    put(tmp_path / "folder/a.md", "text")
    (tmp_path / "folder" / name).mkdir()
    put(tmp_path / "link/a.md", "text")
    (tmp_path / "link" / name).symlink_to("nothing")

    found = listed(tmp_path)

    assert [readers(found[f"{place}/a.md"]) for place in ("pipe", "folder", "link")] == [None, None, None]


def test_what_only_looks_like_a_sidecar_and_says_nothing_of_readers_hides_nothing(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.md", "c.md"):
        put(tmp_path / name, "text")
    put(tmp_path / "a.meta.json", '{"pages": 3}')
    put(tmp_path / "b.md.meta.yaml", "acl: [group:hr]")
    put(tmp_path / "b.md.meta.yaml~", "acl: [public]")
    put(tmp_path / "gone.md.meta.yaml", "acl: [group:hr]")

    found = listed(tmp_path)

    assert [readers(found[name]) for name in ("a.pdf", "b.md", "c.md")] == [("public",), HR, ("public",)]


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + BLOCK + "x" * LONG).encode("utf-16"),
        (BLOCK + "x" * LONG).encode("utf-16-le"),
        BLOCK.replace("\n", "\r").encode(),
        BLOCK.replace("\n", "\r\n").encode("utf-32"),
    ],
)
@pytest.mark.parametrize("ending", ["md", "mkd", "qmd", "Rmd", "mdown", "markdown"])
def test_front_matter_is_read_in_all_encodings_and_endings_of_markdown(
    tmp_path: Path, content: bytes, ending: str
) -> None:
    put(tmp_path / f"a.{ending}", content)

    assert readers(listed(tmp_path)[f"a.{ending}"]) == HR


@pytest.mark.parametrize(
    "text",
    [
        f"---\ntitle: {'x' * LONG}\nacl: [group:hr]\n---\ntext",
        f"---\n{'# note' * LONG}\nacl: [group:hr]\n---\ntext",
        f"---\ndescription: |\n  {'x' * LONG}\nacl: [group:hr]\n---\ntext",
        "---\ntitle: x\nacl: [group:hr]\n\n# Title\n\ntext",
        "---\ntitle: x\n{acl: [group:hr\n---\ntext",
        "---\nacl [group:hr]\n---\ntext",
        "---\nacl:\tgroup:hr\n\t- x\n---\ntext",
        "---\nacl: [group:hr]\nacl: [public]\n---\ntext",
        "---\nacl: [group:hr]\nACL: [public]\n---\ntext",
        "---\nfootnote:\n  acl: [group:hr]\n---\ntext",
        "---\nreaders: [group:hr]\n---\ntext",
        "---\nalc: [group:hr]\n---\ntext",
        "---\n\uff41\uff43\uff4c: [group:hr]\n---\ntext",
        "---\x85acl: [group:hr]\x85---\x85text",
        "\n\n---\nacl: [group:hr]\n---\ntext",
        "<!-- a comment -->\n---\nacl: [group:hr]\n---\ntext",
        "<!-- acl: group:hr -->\ntext",
        "acl: [group:hr]\n\ntext",
        "title: x\nacl:\n  - group:hr\n---\ntext",
        "--- # for HR\nacl: [group:hr]\n---\ntext",
        "---yaml\nacl: [group:hr]\n---\ntext",
        "--- {acl: [group:hr]}\n---\ntext",
        "\u2014\nacl: [group:hr]\n\u2014\ntext",
        '+++\nacl = ["group:hr"]\n+++\ntext',
        ';;;\n{"acl": ["group:hr"]}\n;;;\ntext',
        '{\n  "acl": ["group:hr"]\n}\n\ntext',
    ],
)
@pytest.mark.parametrize("ending", ["md", "qmd"])
def test_front_matter_that_is_not_understood_to_its_end_hides(tmp_path: Path, text: str, ending: str) -> None:
    put(tmp_path / f"a.{ending}", text)

    assert readers(listed(tmp_path)[f"a.{ending}"]) is None


@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.rst", "a.org", "a.adoc", "README", "a.md.bak"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_what_has_no_front_matter_and_looks_as_if_it_had_is_hidden_and_told_how(
    tmp_path: Path, name: str, encoding: str
) -> None:
    put(tmp_path / name, BLOCK.encode(encoding))

    change = listed(tmp_path)[name]

    assert readers(change) is None
    assert f"write {name}.meta.yaml instead" in change.reason


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nA rule above some prose.\n\n---\n\nAnd more. An ACL says who may read.",
        "---\n# Access\n\nACL lists name readers.\n\nacl is short for access control list.",
        f"---\n\nA rule above a long text. {'word ' * LONG}",
        f"---\n\n# A heading under a rule\n\n{'word ' * LONG}",
        "# ACL\n\nacl: what the settings call it, for example group:hr.",
        "---\ntitle: x\ntags: [a:b]\nwhen: 10:30\n---\nacl: [group:hr]\n",
        "- acl\n- groups\n",
        "{{ toc }}\n\ntext",
        "---\nlayout: page\npermalink: /acl/\ntitle: 'Groups: an acl'\n---\ntext",
    ],
)
def test_ordinary_markdown_stays_as_it_is(tmp_path: Path, text: str) -> None:
    put(tmp_path / "a.md", text)

    assert readers(listed(tmp_path)["a.md"]) == ("public",)


def test_a_file_that_is_too_large_to_be_read_keeps_the_readers_that_its_top_names(tmp_path: Path) -> None:
    put(tmp_path / "a.md", BLOCK + "x" * 1000)
    [change] = read(FolderConnector(FolderConfig(path=tmp_path), 500)).changes

    assert readers(change) == HR


# ---- nothing that wants to restrict ends public

statements = st.sampled_from(
    [
        "acl: [group:hr]",
        "acl: group:hr",
        "ACL: ['group:hr', \"user:ann\"]",
        '"acl": ["group:hr"]',
        "acl:\n- group:hr",
        "acl:\n    - user:ann\n    - group:hr",
        "{acl: [group:hr]}",
        "{title: x, acl: [group:hr]}",
        "acls: [group:hr]",
        "acl: []",
        "acl: [hr]",
        "acl: [group:hr",
        "acl: {group: hr}",
        "acl: [group:hr]\nacl: [public]",
        "acl: [group:hr]\nAcl: [public]",
        "acl: !!set {group:hr}",
        "acl: *hr",
        "x: {acl: [group:hr]}",
        "? acl\n: [group:hr]",
    ]
)
beside = st.sampled_from(["", "title: T", "tags: [a, b]", "# a comment", "title: [", "\ttab: x", "x: 'y", "a: 1\na: 2"])
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
breaks = st.sampled_from(["\n", "\r\n", "\r", "\x85"])
documents = st.sampled_from(["a.md", "a.MD", "a.mkd", "a.qmd", "a.mdx", "a.markdown"])
suffixes = st.sampled_from([".meta.yaml", ".meta.yml", ".META.YAML", ".Meta.Yml", ".meta.YAML"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    parts = [draw(beside), draw(statements), draw(beside)]
    return "\n".join(filter(None, parts))


@st.composite
def markdown(draw: st.DrawFn) -> bytes:
    above = draw(st.sampled_from(["", "\n", "\n \n", "<!-- x -->\n", "\ufeff"]))
    opening, closing = draw(
        st.sampled_from([("---", "---"), ("---", "..."), ("--- ", ""), ("+++", "+++"), ("---", "")])
    )
    padding = draw(st.sampled_from(["", "", "", f"note: {'x' * LONG}\n"]))
    text = f"{above}{opening}\n{padding}{draw(lines())}\n{closing}\n\nThe text, with words: é.\n"
    text += draw(st.sampled_from(["", "x" * LONG]))
    return text.replace("\n", draw(breaks)).encode(draw(encodings))


@st.composite
def trees(draw: st.DrawFn) -> tuple[str, dict[str, bytes]]:
    """A document, and the files of a folder of which one wants to restrict it."""
    folder = draw(st.sampled_from(["", "x/", "x/y z/"]))
    name = draw(documents)
    place = draw(st.sampled_from(["front matter", "own", "folder", "root", "both"]))
    files = {folder + name: b"text"}
    if place in ("front matter", "both"):
        files[folder + name] = draw(markdown())
    if place in ("own", "both"):
        content = draw(lines()).encode(draw(encodings)) if place == "own" else b"title: nothing about readers"
        files[folder + name + draw(suffixes)] = content
    if place in ("folder", "root"):
        spelt = draw(st.sampled_from(["_folder", "_FOLDER", "_Folder"])) + draw(suffixes)
        files[(folder if place == "folder" else "") + spelt] = draw(lines()).encode(draw(encodings))
    return folder + name, files


@settings(max_examples=150)
@given(trees())
@example(("a.md", {"a.md": b"---\racl: [group:hr]\r---\rtext"}))
def test_a_restricting_intention_never_ends_public(tree: tuple[str, dict[str, bytes]]) -> None:
    document, files = tree
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            put(Path(folder) / name, content)
        found = readers(listed(Path(folder))[document])

    assert found is None or "public" not in found


# ---- folders above the root, and the installation's default


def test_folders_above_the_root_count_up_to_a_marked_one(tmp_path: Path) -> None:
    put(tmp_path / "docs/_folder.meta.yaml", "acl: [group:all]\nowner: ida\nroot: true")
    put(tmp_path / "docs/leadership/_folder.meta.yml", "acl: [group:leadership]")
    put(tmp_path / "docs/leadership/sub/a.txt", "text")
    put(tmp_path / "docs/open/b.txt", "text")
    put(tmp_path / "_folder.meta.yaml", "acl: [user:nobody]\ndepartment: Elsewhere")

    below = listed(tmp_path / "docs/leadership/sub")["a.txt"]
    beside = listed(tmp_path / "docs/open")["b.txt"]

    assert (readers(below), below.metadata.owner, below.metadata.department) == (("group:leadership",), "ida", None)
    assert readers(beside) == ("group:all",)
    whole = listed(tmp_path)
    assert readers(whole["docs/leadership/sub/a.txt"]) == ("group:leadership",)
    assert whole["docs/open/b.txt"].metadata.department is None


def test_what_the_source_itself_says_is_nearer_than_what_lies_above_it(tmp_path: Path) -> None:
    put(tmp_path / "_folder.meta.yaml", "acl: [public]\ndepartment: Above")
    put(tmp_path / "sub/a.txt", "text")

    change = listed(tmp_path / "sub", default_acl=["group:hr"], department="HR")["a.txt"]

    assert (readers(change), change.metadata.department) == (HR, "HR")


def test_a_change_above_the_root_is_seen_though_no_file_changed(tmp_path: Path) -> None:
    put(tmp_path / "sub/a.txt", "text")
    first = read(FolderConnector(FolderConfig(path=tmp_path / "sub"), 1000))
    [before] = first.changes
    put(tmp_path / "_folder.meta.yaml", "acl: [group:hr]")
    [after] = read(FolderConnector(FolderConfig(path=tmp_path / "sub"), 1000), first.known).changes

    assert (readers(before), readers(after)) == (("public",), HR)
    assert before.revision != after.revision  # type: ignore[union-attr]


@pytest.mark.parametrize("content", ["acl: [group:hr", "", "acl: [group:hr]\nacl: [public]", "acls: x"])
def test_what_is_not_understood_above_the_root_hides(tmp_path: Path, content: str) -> None:
    put(tmp_path / "_folder.meta.yaml", content)
    put(tmp_path / "sub/a.txt", "text")

    change = listed(tmp_path / "sub")["a.txt"]

    assert readers(change) is None
    assert str(tmp_path / "_folder.meta.yaml") in change.reason


def test_a_folder_above_that_may_be_passed_but_not_listed_is_asked_by_name(tmp_path: Path) -> None:
    put(tmp_path / "closed/sub/a.txt", "text")
    put(tmp_path / "closed/_folder.meta.yml", "acl: [group:hr]")
    for folder in (tmp_path, *tmp_path.parents[:2], tmp_path / "closed/sub"):
        folder.chmod(0o755)
    (tmp_path / "closed").chmod(0o711)
    with unprivileged():
        found = readers(listed(tmp_path / "closed/sub")["a.txt"])
        (tmp_path / "closed/_folder.meta.yml").parent.stat()
    (tmp_path / "closed").chmod(0o755)

    assert found == HR


def test_a_root_behind_a_link_has_two_places_that_must_not_disagree(tmp_path: Path) -> None:
    put(tmp_path / "real/_folder.meta.yaml", "acl: [group:hr]")
    put(tmp_path / "real/sub/a.txt", "text")
    (tmp_path / "named").mkdir()
    (tmp_path / "named/sub").symlink_to(tmp_path / "real/sub")

    assert readers(listed(tmp_path / "named/sub")["a.txt"]) == HR
    put(tmp_path / "named/_folder.meta.yaml", "acl: [public]")
    assert readers(listed(tmp_path / "named/sub")["a.txt"]) is None


def test_the_installation_says_who_reads_what_nobody_speaks_of(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", "text")

    def acl(default: list[str] | None, **config: Any) -> AccessList:
        settings = Settings.model_validate({"sync": {"default_acl": default}})
        [change] = read(open_connector("folder", {"path": str(tmp_path), **config}, settings, "")).changes
        assert isinstance(change, Upsert)
        return change.acl

    assert acl(None) == AccessList.everyone()
    assert acl([]) == AccessList()
    assert acl(["group:staff"]).terms() == ("group:staff",)
    assert acl(["group:staff"], default_acl=["public"]) == AccessList.everyone()
