"""Fonts that pdfminer reads no letter of: those whose way from codes to glyphs is a CMap in the file itself.

pdfminer knows the CMaps that have a name (ISO 32000-1, 9.7.5.2) and takes any other for empty, so that a font's text
vanishes without a word. Here the file's own CMap is read (9.7.5.3).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

from pdfminer.cmapdb import CMap, CMapBase, CMapParser, IdentityCMap
from pdfminer.pdffont import PDFCIDFont, PDFFont
from pdfminer.pdfinterp import PDFResourceManager
from pdfminer.pdftypes import PDFStream
from pdfminer.psparser import PSKeyword
from pdfminer.utils import choplist

_MOST_CODES = 0x10000
"""Glyphs of a font, as many as two bytes can number; no CMap can name more to any use."""


class FontManager(PDFResourceManager):
    """Makes the fonts of a document."""

    def get_font(self, objid: object, spec: Mapping[str, object]) -> PDFFont:
        """A font; one with an embedded CMap is a descendant of a Type 0 font, which hands it down without an id."""
        if objid is None and isinstance(spec.get("Encoding"), PDFStream):
            return _EmbeddedCMapFont(self, spec)
        return super().get_font(objid, spec)


class _EmbeddedCMapFont(PDFCIDFont):
    def get_cmap_from_spec(self, spec: Mapping[str, Any], strict: bool) -> CMapBase:
        made = _EmbeddedCMap()
        _EmbeddedCMapParser(made, io.BytesIO(spec["Encoding"].get_data())).run()
        # One that maps nothing by itself may have the name of one that is known.
        return made if made.code2cid else super().get_cmap_from_spec(spec, strict)


class _EmbeddedCMap(CMap):
    """From codes of one to four bytes to numbers of glyphs."""

    def __init__(self) -> None:
        super().__init__()
        self._codes = 0

    def add(self, first: bytes, last: bytes, cid: int) -> None:
        """Map the codes from ``first`` to ``last``, which have the same length, to the glyphs from ``cid`` on."""
        start = int.from_bytes(first, "big")
        codes = range(start, int.from_bytes(last, "big") + 1)[: _MOST_CODES - self._codes]
        self._codes += len(codes)
        for code in codes:
            level = self.code2cid
            *prefix, end = code.to_bytes(len(first), "big")
            for byte in prefix:
                below = level.setdefault(byte, {})
                if not isinstance(below, dict):  # a shorter code begins like this one
                    break
                level = cast("dict[int, object]", below)
            else:
                level[end] = cid + code - start

    def use_cmap(self, cmap: CMapBase) -> None:
        """Take over what another one maps, as ``usecmap`` in a file says."""
        if isinstance(cmap, IdentityCMap):
            self.add(b"\x00\x00", b"\xff\xff", 0)
        elif isinstance(cmap, CMap):
            super().use_cmap(cmap)


class _EmbeddedCMapParser(CMapParser):
    """pdfminer's own takes the ranges of these CMaps for what ToUnicode CMaps have, from glyphs to letters."""

    def do_keyword(self, pos: int, token: PSKeyword) -> None:
        if token is self.KEYWORD_ENDCIDRANGE:
            for first, last, cid in choplist(3, [value for _, value in self.popall()]):
                self._add(first, last, cid)
        elif token is self.KEYWORD_ENDCIDCHAR:
            for code, cid in choplist(2, [value for _, value in self.popall()]):
                self._add(code, code, cid)
        else:
            super().do_keyword(pos, token)

    def _add(self, first: object, last: object, cid: object) -> None:
        known = isinstance(first, bytes) and isinstance(last, bytes) and isinstance(cid, int)
        if known and len(cast("bytes", first)) == len(cast("bytes", last)) > 0:
            cast("_EmbeddedCMap", self.cmap).add(cast("bytes", first), cast("bytes", last), cast("int", cid))
