"""The types of documents, by the endings of their files' names."""

from __future__ import annotations

ENDINGS = {
    "markdown": (
        *(".md", ".markdown", ".mdx", ".mkd", ".mkdn", ".mkdown", ".mdown", ".mdwn", ".markdn", ".mdtext", ".mdtxt"),
        *(".qmd", ".rmd", ".rmarkdown", ".livemd", ".ronn"),
    ),
    "html": (".html", ".htm", ".xhtml"),
    "text": (".txt", ".text", ".log"),
    "rst": (".rst", ".rest"),
    "org": (".org",),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "json": (".json",),
    "xml": (".xml",),
    "email": (".eml",),
    "msg": (".msg",),
    "pdf": (".pdf",),
    "docx": (".docx", ".docm", ".dotx"),
    "pptx": (".pptx", ".pptm", ".ppsx"),
    "xlsx": (".xlsx", ".xlsm"),
    "doc": (".doc", ".dot"),
    "ppt": (".ppt", ".pps"),
    "xls": (".xls",),
    "ods": (".ods", ".ots"),
    "odt": (".odt", ".ott"),
    "rtf": (".rtf",),
    "epub": (".epub",),
    "pages": (".pages",),
    "numbers": (".numbers",),
    "keynote": (".key",),
    "zip": (".zip",),
    "image": (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
}
"""Each type's endings: readers know a type by them too, as they write them."""
BY_ENDING = {ending: kind for kind, endings in ENDINGS.items() for ending in endings}


def type_named(name: str) -> str:
    """The type that a reader means by its name or by an ending: ``md`` and ``.md`` are ``markdown``.

    What is neither is returned as it is.
    """
    plain = name.strip().casefold()
    if plain in ENDINGS:
        return plain
    return BY_ENDING.get(f".{plain.removeprefix('.')}", name)
