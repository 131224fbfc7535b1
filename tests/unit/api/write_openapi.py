"""Writes ``docs/openapi.json``: ``make openapi``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from api.app import create_app
from tests.unit.api.fakes import Stack, make_settings
from tests.unit.api.test_openapi_compatibility import RELEASED

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(services=Stack(make_settings(Path(folder))).services()).openapi()
    RELEASED.write_text(json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    print(f"Wrote {RELEASED}: {len(document['paths'])} paths.")
