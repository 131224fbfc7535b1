"""A bucket of a real S3 server, changed as people change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3

from tests.contract.sources.world import Truth
from tests.s3_server import KEY, SECRET

BUCKET = "documents"
REGION = "us-east-1"
LOGIN = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": REGION}


class S3World:
    """Documents are objects; who may read one stands in its sidecar."""

    kind = "s3"
    can = frozenset({"share", "move", "withhold"})

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = boto3.client("s3", endpoint_url=url, **LOGIN)
        self._client.create_bucket(Bucket=BUCKET)
        self._texts: dict[str, str] = {}
        self._readers: dict[str, frozenset[str]] = {}
        self._withheld: set[str] = set()

    def config(self) -> Mapping[str, Any]:
        return {
            "bucket": BUCKET,
            "endpoint": self._url,
            "region": REGION,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "allow_private": True,
            "include": ["**/*.txt"],
        }

    def put(self, key: str, text: str) -> None:
        self._texts[key] = text
        self._write(f"{key}.txt", text)

    def share(self, key: str, readers: frozenset[str]) -> None:
        self._readers[key] = readers
        self._describe(key)

    def move(self, key: str, to: str) -> None:
        self._texts[to] = self._texts.pop(key)
        self._client.copy_object(Bucket=BUCKET, Key=f"{to}.txt", CopySource={"Bucket": BUCKET, "Key": f"{key}.txt"})
        if key in self._readers:
            self._readers[to] = self._readers.pop(key)
        if key in self._withheld:
            self._withheld.remove(key)
            self._withheld.add(to)
        self._describe(to)
        self._remove(f"{key}.txt", _sidecar(key))

    def delete(self, key: str) -> None:
        del self._texts[key]
        self._readers.pop(key, None)
        self._withheld.discard(key)
        self._remove(f"{key}.txt", _sidecar(key))

    def withhold(self, key: str, withheld: bool) -> None:
        (self._withheld.add if withheld else self._withheld.discard)(key)
        self._describe(key)

    def members(self, group: str, users: frozenset[str]) -> None:
        raise NotImplementedError("A bucket has no groups.")

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        found = {}
        for key, text in self._texts.items():
            terms = {reader if ":" in reader else f"user:{reader}" for reader in self._readers.get(key, ())}
            readable = None if key in self._withheld else frozenset(terms if key in self._readers else {"public"})
            found[f"{key}.txt"] = Truth(text, readable)
        return found

    def close(self) -> None:
        self._client.close()

    def _write(self, name: str, text: str) -> None:
        self._client.put_object(Bucket=BUCKET, Key=name, Body=text.encode())

    def _remove(self, *names: str) -> None:
        for name in names:
            self._client.delete_object(Bucket=BUCKET, Key=name)

    def _describe(self, key: str) -> None:
        if key in self._withheld:
            self._write(_sidecar(key), "acl: [unfinished")
        elif key in self._readers:
            terms = [reader if ":" in reader else f"user:{reader}" for reader in sorted(self._readers[key])]
            self._write(_sidecar(key), json.dumps({"acl": terms}))
        else:
            self._remove(_sidecar(key))


def _sidecar(key: str) -> str:
    return f"{key}.txt.meta.yaml"
