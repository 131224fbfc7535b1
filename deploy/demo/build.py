"""Builds the demo's PDF, DOCX, PPTX and XLSX documents from ``sources/``, the same bytes on every run.

Each source is Markdown named after its product (``hr/onboarding.pptx.md``); its front matter becomes the sidecar.
The products are committed, so that the demo needs none of this: run ``python -m deploy.demo.build`` after a change.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a ZIP archive can hold."""


@dataclass(slots=True)
class Block:
    """A paragraph, list item, table or page break under its section's heading."""

    kind: str
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """A heading and what follows it; the first section's heading is the document's title."""

    heading: str
    blocks: list[Block] = field(default_factory=list)


def parse(markdown: str) -> list[Section]:
    """Read the small part of Markdown that the sources use: headings, paragraphs, lists, tables, page breaks."""
    sections: list[Section] = []
    for line in markdown.strip().splitlines():
        if heading := re.match(r"#+ (.*)", line):
            sections.append(Section(heading[1]))
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            blocks = sections[-1].blocks
            if not blocks or blocks[-1].kind != "table":
                blocks.append(Block("table"))
            if not set(cells[0]) <= {"-"} or not cells[0]:
                blocks[-1].rows.append(cells)
        elif line == "\\newpage":
            sections[-1].blocks.append(Block("break"))
        elif item := re.match(r"(?:-|\d+\.) (.*)", line):
            sections[-1].blocks.append(Block("number" if line[0].isdigit() else "bullet", item[1]))
        elif line.strip():
            sections[-1].blocks.append(Block("paragraph", line.strip()))
    return sections


def to_pdf(sections: list[Section]) -> bytes:
    """A PDF with a text layer, one page for each page break."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415 - a development dependency
    from reportlab.lib.styles import getSampleStyleSheet  # noqa: PLC0415
    from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer  # noqa: PLC0415

    styles = getSampleStyleSheet()
    story: list[Flowable] = []
    for place, section in enumerate(sections):
        story.append(Paragraph(section.heading, styles["Title" if place == 0 else "Heading2"]))
        number = 0
        for block in section.blocks:
            number = number + 1 if block.kind == "number" else 0
            marks = {"number": f"{number}. ", "bullet": "• "}
            if block.kind == "break":
                story.append(PageBreak())
            else:
                story += [Paragraph(marks.get(block.kind, "") + block.text, styles["BodyText"]), Spacer(1, 4)]
    target = io.BytesIO()
    title = sections[0].heading
    SimpleDocTemplate(target, pagesize=A4, title=title, author="Halden Instruments", invariant=1).build(story)
    return target.getvalue()


def to_docx(sections: list[Section]) -> bytes:
    """A Word document with real headings, lists and tables."""
    import docx  # noqa: PLC0415 - unstructured brings it, the running demo doesn't need it

    document = docx.Document()
    for place, section in enumerate(sections):
        document.add_heading(section.heading, level=1 if place == 0 else 2)
        for block in section.blocks:
            if block.kind == "table":
                table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
                for row in block.rows:
                    for cell, text in zip(table.add_row().cells, row, strict=True):
                        cell.text = text
            else:
                style = {"bullet": "List Bullet", "number": "List Number"}.get(block.kind)
                document.add_paragraph(block.text, style=style)
    document.core_properties.title = sections[0].heading
    document.core_properties.author = "Halden Instruments"
    _freeze(document.core_properties)
    return _saved(document.save)


def to_pptx(sections: list[Section]) -> bytes:
    """A slide for each section."""
    import pptx  # noqa: PLC0415

    deck = pptx.Presentation()
    for place, section in enumerate(sections):
        slide = deck.slides.add_slide(deck.slide_layouts[0 if place == 0 else 1])
        slide.shapes.title.text = section.heading
        slide.placeholders[1].text_frame.text = "\n".join(block.text for block in section.blocks)
    deck.core_properties.title = sections[0].heading
    deck.core_properties.author = "Halden Instruments"
    _freeze(deck.core_properties)
    return _saved(deck.save)


def to_xlsx(sections: list[Section]) -> bytes:
    """A sheet for each section that holds a table; numbers are stored as numbers."""
    import openpyxl  # noqa: PLC0415

    book = openpyxl.Workbook()
    book.remove(book.active)
    for section in sections:
        for block in section.blocks:
            sheet = book.create_sheet(section.heading)
            for row in block.rows:
                sheet.append([_number(cell) for cell in row])
    book.properties.title = sections[0].heading
    book.properties.creator = "Halden Instruments"
    _freeze(book.properties)
    return _saved(book.save)


def _number(cell: str) -> str | int | float:
    if re.fullmatch(r"\d+", cell):
        return int(cell)
    return float(cell) if re.fullmatch(r"\d+\.\d+", cell) else cell


def _freeze(properties: object) -> None:
    moment = datetime(2025, 1, 1)  # noqa: DTZ001 - these formats hold times without a zone
    for name in ("created", "modified", "last_printed"):
        if hasattr(properties, name):
            setattr(properties, name, moment)


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    """The archive that ``save`` writes, with its members' times and the properties' time set to fixed ones."""
    drawn, target = io.BytesIO(), io.BytesIO()
    save(drawn)
    with zipfile.ZipFile(drawn) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in source.infolist():
            content = source.read(member)
            if member.filename == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2025-01-01T00:00:00Z", content)
            copy.writestr(zipfile.ZipInfo(member.filename, EPOCH), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


WRITERS = {".pdf": to_pdf, ".docx": to_docx, ".pptx": to_pptx, ".xlsx": to_xlsx}


def products(sources: Path) -> Iterator[tuple[Path, bytes, str]]:
    """Each product's relative path, bytes and sidecar."""
    for source in sorted(sources.rglob("*.md")):
        relative = source.relative_to(sources).with_suffix("")
        _, sidecar, markdown = source.read_text(encoding="utf-8").split("---\n", 2)
        yield relative, WRITERS[relative.suffix](parse(markdown)), sidecar


def main() -> int:
    """Write every product and its sidecar below ``documents/``."""
    count = 0
    for relative, content, sidecar in products(HERE / "sources"):
        target = HERE / "documents" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.with_name(target.name + ".meta.yaml").write_text(sidecar, encoding="utf-8")
        count += 1
    sys.stdout.write(f"Wrote {count} documents.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
