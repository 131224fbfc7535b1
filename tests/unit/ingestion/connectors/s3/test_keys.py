from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.port import Unreadable
from ingestion.connectors.s3.config import S3Config
from ingestion.connectors.s3.keys import Document, Keys, SidecarKey, in_shadow
from ingestion.partitioning.sidecars import described_by, is_sidecar

KEYS = Keys(S3Config(bucket="docs", prefix="in"))


@pytest.mark.parametrize("key", ["in/a//b.pdf", "in//c.pdf", "in/d\x00e.pdf", "in/full/"])
def test_keys_that_are_no_names_are_said(key: str) -> None:
    judged = KEYS.judge(key, 1)
    assert isinstance(judged, Unreadable)
    assert "\x00" not in judged.external_id + judged.uri


@pytest.mark.parametrize("key", ["in/", "in/folder/", "in/.hidden/a.pdf", "in/../a.pdf", "in/./a.pdf"])
def test_markers_and_hidden_names_are_left_alone(key: str) -> None:
    assert KEYS.judge(key, 0) is None


def test_what_is_below_the_prefix_goes_by_its_place_there() -> None:
    assert KEYS.judge("in/a b/ü.pdf", 1) == Document("a b/ü.pdf")
    assert KEYS.judge("in/a/b.pdf.META.YML", 1) == SidecarKey("in/a/", "in/a/b.pdf")
    assert KEYS.judge("in/_folder.meta.yaml", 1) == SidecarKey("in/", None)


names = st.text(st.sampled_from("ab.-_/ +!Ä~"), min_size=1, max_size=8)


@given(st.lists(names, min_size=1, max_size=30), st.sampled_from([".meta.yaml", ".META.YML", ".Meta.yaml"]))
def test_a_documents_sidecar_comes_in_its_shadow(others: list[str], ending: str) -> None:
    key = others[0]
    listed = sorted({*others, key + ending}, key=str.encode)
    behind = [one for one in listed if one.encode() > key.encode()]
    until_sidecar = behind[: behind.index(key + ending) + 1]
    assert all(in_shadow(one, key) for one in until_sidecar)
    assert is_sidecar((key + ending).rpartition("/")[2])
    if not key.endswith("/"):
        assert described_by((key + ending).rpartition("/")[2]) == key.rpartition("/")[2]


@given(st.lists(names, max_size=30), names)
def test_once_a_key_is_out_of_a_shadow_all_that_follow_are(others: list[str], key: str) -> None:
    behind = [one for one in sorted(set(others), key=str.encode) if one.encode() > key.encode()]
    shadows = [in_shadow(one, key) for one in behind]
    assert shadows == sorted(shadows, reverse=True)
