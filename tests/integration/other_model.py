"""A second model without a download: the packaged one, cut to vectors of another length, under another name."""

from __future__ import annotations

import json
from pathlib import Path

from retrieval.embedding.model_files import locate

DIMENSIONS = 256


def copy_with_another_output(to: Path, dimensions: int = DIMENSIONS) -> Path:
    """A sentence-transformers folder whose vectors can't be taken for the packaged model's."""
    packaged, _ = locate("packaged")
    for file in packaged.rglob("*"):
        place = to / file.relative_to(packaged)
        if file.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
    config = to / "config_sentence_transformers.json"
    values = json.loads(config.read_text())
    config.unlink()
    config.write_text(json.dumps({**values, "truncate_dim": dimensions}))
    return to
