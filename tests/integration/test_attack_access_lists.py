"""Who may read what, asked of both indexes about generated folders, and answered beside them by a simple oracle.

A case is a folder of a few documents with an access list here or there: in a sidecar of any spelling, in a folder's, in
front matter, in an archive, or broken. Between syncs lists are narrowed and widened, and documents are moved, copied,
rewritten and deleted. After each one every reader is asked for everything that they find, and every pair of a reader
and a document is looked up as the document routes do.
"""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.auth.principal import Caller
from api.routes.documents import visible_document
from core.errors import NotFound
from core.filters import for_reader
from core.principal import Principal
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.records import Source, document_id
from ingestion.tasks.parts import Makers, Parts
from retrieval.embedding.port import Embedder
from tests.unit.eval.word_embedder import WordEmbedder
from tests.unit.ingestion.tasks.fakes import QueuedTasks, SteppedClock

pytestmark = pytest.mark.attack

READERS = (
    Principal(),
    Principal("ann", frozenset({"staff"})),
    Principal("bob", frozenset({"hr"})),
    Principal("cee", frozenset({"staff", "hr"})),
    Principal("dan", frozenset({"leadership"})),
    Principal("eve", frozenset({"user:ann", "public "})),
)
NOBODY: frozenset[str] = frozenset()
Said = frozenset[str] | None
"""Access terms; none of them for what nobody may read, None where nothing is said."""
BROKEN = frozenset({"?"})
LISTS = ({"public"}, {"group:hr"}, {"group:staff"}, {"user:ann"}, {"group:hr", "user:ann"}, {"group:leadership"}, set())
NAMES = ("a", "A", "plan (2)", "Größe", "Gro\u0308ße", "日本", "x\ny", "it's 100% #1", "l" * 220, "_folder2", "meta")
SPELLINGS = (".meta.yaml", ".meta.yml", ".META.YAML", ".Meta.Yml")
FOUND = 10_000


@dataclass(frozen=True)
class Doc:
    """A document: where it lies, what is said beside it and at its top, and of an archive, what is said in it."""

    folder: str
    name: str
    own: Said = None
    front: Said = None
    text: str = "marker"
    inner: Said = None


@dataclass
class Tree:
    """One case. ``folders`` says what their sidecars say."""

    seed: int
    folders: dict[str, Said]
    docs: list[Doc] = field(default_factory=list)


def statement(dice: random.Random, none: float = 0.5) -> Said:
    if dice.random() < none:
        return None
    return BROKEN if dice.random() < 0.12 else frozenset(dice.choice(LISTS))


def grow(seed: int) -> Tree:
    dice = random.Random(seed)
    tree = Tree(seed, {"": statement(dice, 0.6), "sub": statement(dice, 0.6), "sub/deep er": None})
    for _ in range(dice.randint(1, 3)):
        tree.docs.append(document(dice, tree))
    return tree


def document(dice: random.Random, tree: Tree) -> Doc:
    folder = dice.choice(list(tree.folders))
    taken = {one.name for one in tree.docs if one.folder == folder}
    kind = dice.choice(("md", "md", "qmd", "txt", "txt", "zip"))
    name = next(name for name in dice.sample([f"{n}.{kind}" for n in NAMES], len(NAMES)) if name not in taken)
    front = statement(dice, 0.4) if kind.endswith("md") else None
    inner = statement(dice, 0.4) if kind == "zip" else None
    return Doc(folder, name, statement(dice), front, f"marker word{dice.randint(0, 9)}", inner)


def mutate(tree: Tree, dice: random.Random) -> None:
    """Change one thing that decides who may read, or where it lies."""
    place = dice.randrange(len(tree.docs))
    doc = tree.docs[place]
    others = [one for one in tree.docs if one is not doc]
    away = dice.choice(list(tree.folders))
    free = not any((one.folder, one.name) == (away, doc.name) for one in tree.docs)
    match dice.choice(("own", "front", "folder", "move", "copy", "delete", "text")):
        case "own":
            doc = replace(doc, own=statement(dice))
        case "front":
            doc = replace(doc, **{"inner" if doc.name.endswith("zip") else "front": statement(dice)})
            doc = replace(doc, front=None) if doc.name.endswith("txt") else doc
        case "folder":
            tree.folders[away] = statement(dice)
        case "move" if free:
            doc = replace(doc, folder=away)
        case "copy" if free and len(tree.docs) < 5:
            others.append(replace(doc, folder=away, own=statement(dice)))
        case "delete" if others:
            tree.docs = others
            return
        case _:
            doc = replace(doc, text=f"{doc.text} again")
    tree.docs = [*others, doc]


# ---- on the disk


def written(said: frozenset[str], dice: random.Random) -> str:
    """An access list in YAML; a broken one wants to restrict, in one way or another."""
    if said == BROKEN:
        broken = (
            "acl: [group:hr",
            "acls: [group:hr]",
            "acl: [hr]",
            "acl: [group:hr]\nacl: [public]",
            "acl:",
            "{acl: [x",
        )
        return dice.choice(broken)
    terms = sorted(said)
    if dice.random() < 0.3 and terms:
        return "acl:\n" + "\n".join(f"- '{term}'" for term in terms)
    return f"acl: [{', '.join(terms)}]" + dice.choice(("", "\ntitle: A title", "\n# for readers"))


def content(doc: Doc, dice: random.Random) -> bytes:
    if doc.name.endswith("zip"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as opened:
            opened.writestr(zipfile.ZipInfo("in/marker one.txt"), doc.text)
            if doc.inner is not None:
                name = dice.choice(("in/marker one.txt.META.YML", "in/_folder.meta.yaml", "_FOLDER.META.YAML"))
                opened.writestr(zipfile.ZipInfo(name), written(doc.inner, dice))
        return stream.getvalue()
    front = "" if doc.front is None else f"---\n{written(doc.front, dice)}\n---\n\n"
    text = (front + doc.text).replace("\n", dice.choice(("\n", "\r\n", "\r")))
    return text.encode(dice.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le")))


def write(root: Path, tree: Tree) -> None:
    """The tree as it is now; each of its files is the same bytes whenever what it says is the same."""
    top = root / f"t{tree.seed}"
    shutil.rmtree(top, ignore_errors=True)
    for folder, said in tree.folders.items():
        (top / folder).mkdir(parents=True, exist_ok=True)
        if said is not None:
            dice = random.Random(f"{tree.seed} {folder} {sorted(said)}")
            name = "_folder" + dice.choice(SPELLINGS)
            (top / folder / dice.choice((name, name.upper()))).write_text(written(said, dice))
    for doc in tree.docs:
        dice = random.Random(f"{tree.seed} {doc.name} {doc.front} {doc.inner}")
        path = top / doc.folder / doc.name
        path.write_bytes(content(doc, dice))
        if doc.own is not None:
            spellings = dice.sample(SPELLINGS, 2 if doc.own == BROKEN and dice.random() < 0.5 else 1)
            for spelling in spellings:
                said = frozenset({"public"}) if len(spellings) > 1 else doc.own
                path.with_name(doc.name + spelling).write_text(written(said, dice))


# ---- the oracle


def expected(tree: Tree) -> dict[str, frozenset[str]]:
    """Each document's access terms, by its name in the source."""
    answer = {}
    for doc in tree.docs:
        terms = terms_of(tree, doc)
        name = "/".join(filter(None, (f"t{tree.seed}", doc.folder, doc.name)))
        if doc.name.endswith("zip"):
            restricts = doc.inner is not None and "public" not in doc.inner
            if doc.inner == BROKEN or (restricts and not terms <= cast("frozenset[str]", doc.inner)):
                terms = NOBODY
            answer[f"{name}!/in/marker one.txt"] = terms
        answer[name] = terms
    return answer


def terms_of(tree: Tree, doc: Doc) -> frozenset[str]:
    parts = doc.folder.split("/") if doc.folder else []
    above = [tree.folders["/".join(parts[:depth])] for depth in range(len(parts), -1, -1)]
    layers = [doc.own, doc.front, *above]
    if BROKEN in layers:
        return NOBODY
    return next((said for said in layers if said is not None), frozenset({"public"}))


def may_read(reader: Principal, terms: frozenset[str]) -> bool:
    mine = {"public", *(f"group:{group}" for group in reader.groups)} | (
        {f"user:{reader.user}"} if reader.user else set()
    )
    return bool(mine & terms)


# ---- the real thing


class World:
    """A catalog, a parser, a folder and an index, all real; queues that run on request, and an embedder of words."""

    def __init__(self, home: Path, index: dict[str, object]) -> None:
        self.folder = home / "documents"
        self.folder.mkdir()
        self._clock, self._tasks = SteppedClock(), QueuedTasks()
        settings = Settings.model_validate({"data_dir": home / "d", "index": index})
        makers = Makers(
            catalog=lambda given: open_catalog(given, self._clock), embedder=lambda _: cast("Embedder", WordEmbedder())
        )
        self.parts = Parts(settings, self._tasks, makers)
        config = {"path": str(self.folder)}
        self.source: Source = self.parts.catalog.sources.create(
            kind="folder", name="documents", config=config, interval_s=60
        )

    def sync(self) -> None:
        self._clock.advance(1)
        run, _ = self.parts.catalog.runs.begin(self.source.id, self.parts.settings.sync.lease_s)
        self._tasks.send("footnote.sync", {"run_id": run.id})
        self._tasks.run_delayed(self.parts, self._clock)
        done = self.parts.catalog.runs.get(run.id)
        assert done.finished_at is not None, done
        assert done.error is None, done.error
        self.parts.index.refresh()

    def check(self, answer: dict[str, frozenset[str]], dice: random.Random, *, settled: bool) -> None:
        """Nobody finds or may open what the oracle denies them; once settled, everybody finds all that it grants."""
        names = {document_id(self.source.id, name): name for name in answer}
        records = {one.id: one for one in self.parts.catalog.documents.list(self.source.id, limit=FOUND)}
        services = cast(Any, SimpleNamespace(catalog=SimpleNamespace(get=lambda: self.parts.catalog)))
        embedding = WordEmbedder().embed_query("marker")
        for reader in READERS:
            granted = {key for key, name in names.items() if may_read(reader, answer[name])}
            visible = for_reader(reader, None)
            by_words = {one.document_id for one in self.parts.index.lexical("marker", visible, FOUND)}
            by_vector = {one.document_id for one in self.parts.index.vector(embedding, visible, FOUND)}
            opened = {key for key, one in records.items() if key in names and one.acl.allows(reader)}
            for what, got in (("words", by_words), ("vector", by_vector), ("catalog", opened)):
                assert got <= granted, explain(what, reader, got - granted, names, answer)
            if settled:
                assert granted <= by_words, explain("not found", reader, granted - by_words, names, answer)
                assert granted <= opened, explain("not opened", reader, granted - opened, names, answer)
            for key in dice.sample(sorted(names), 20):
                assert can_open(key, reader, services) == (key in opened), explain(
                    "route", reader, {key}, names, answer
                )


def can_open(key: str, reader: Principal, services: Any) -> bool:
    try:
        visible_document(key, Caller(reader), services)
    except NotFound:
        return False
    return True


def explain(
    what: str, reader: Principal, keys: set[str], names: dict[str, str], answer: dict[str, frozenset[str]]
) -> str:
    """The cases that failed, each with its seed: the number behind the t."""
    found = sorted(names.get(key, f"{key}, which is gone") for key in keys)
    told = [f"seed {name[1:].split('/')[0]}: {name!r} is for {sorted(answer.get(name, ()))}" for name in found]
    return f"{what}, for {reader}:\n" + "\n".join(told[:20])


@pytest.fixture
def world(home: Path, index_settings: dict[str, object]) -> Iterator[World]:
    made = World(home, index_settings)
    yield made
    made.parts.close()


def test_nobody_finds_or_opens_what_the_oracle_denies_them(world: World, attack_cases: int) -> None:
    trees = [grow(seed) for seed in range(attack_cases)]
    dice = random.Random(attack_cases)
    for turn in range(3):
        for tree in trees:
            if turn:
                mutate(tree, random.Random(f"{tree.seed} {turn}"))
            write(world.folder, tree)
        answer = {name: terms for tree in trees for name, terms in expected(tree).items()}
        world.sync()
        if turn:
            world.check(answer, dice, settled=False)
            world.sync()  # wider readers that come with other bytes of an archive count from the sync after
        world.check(answer, dice, settled=True)
