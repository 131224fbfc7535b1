"""A side without a library: finds the documents that share most words with the question."""

import os
import threading


class Side:
    def __init__(self) -> None:
        print("a library that prints as it starts")
        self._texts: dict[str, dict[str, str]] = {}

    def about(self) -> dict[str, str]:
        return {"fake": "1.0"}

    def open(self, variant: str, url: str, index: str, model: str, options: dict[str, object]) -> dict[str, object]:
        self._texts.setdefault(variant, {})
        return {"index": index, "options": sorted(options)}

    def write(self, variant: str, documents: list[dict[str, str]]) -> dict[str, object]:
        for texts in self._texts.values():  # variants share what is written
            texts.update({each["id"]: f"{each['title']} {each['text']}" for each in documents})
        print("a library that prints as it writes")
        return {"seconds": 0.5, "stages": {"embed": 0.4, "write": 0.1}, "vectors": len(documents)}

    def settle(self, variant: str) -> dict[str, int]:
        return {"documents": len(self._texts[variant])}

    def ask(self, variant: str, query: str, limit: int) -> dict[str, object]:
        words = set(query.split())
        shared = {key: len(words & set(text.split())) for key, text in self._texts[variant].items()}
        best = sorted((key for key in shared if shared[key]), key=lambda key: (-shared[key], key))
        return {"seconds": 0.01, "documents": best[:limit], "stages": {"search": 0.01}}

    def fail(self) -> None:
        raise ValueError("no such thing")

    def end(self) -> None:
        os._exit(3)

    def wait_for_ever(self) -> None:
        threading.Event().wait()

    def close(self) -> None: ...
