"""What a Confluence source may be told."""

from __future__ import annotations

import pytest

from core.errors import InvalidRequest
from ingestion.connectors.confluence.config import ConfluenceConfig
from ingestion.connectors.registry import read_config

CLOUD = {"base_url": "https://acme.atlassian.net", "email": "robot@acme.example", "token": "hush"}


def test_the_address_tells_the_product() -> None:
    cloud = read_config("confluence", CLOUD)
    assert isinstance(cloud, ConfluenceConfig)
    assert cloud.is_cloud
    assert cloud.root == "https://acme.atlassian.net/wiki"
    server = read_config("confluence", {"base_url": "https://wiki.acme.example/confluence/", "token": "hush"})
    assert isinstance(server, ConfluenceConfig)
    assert not server.is_cloud
    assert server.root == "https://wiki.acme.example/confluence"


def test_a_gateway_has_another_address_for_people() -> None:
    told = {
        **CLOUD,
        "base_url": "https://api.atlassian.com/ex/confluence/1-2",
        "site_url": "https://acme.atlassian.net",
    }
    config = ConfluenceConfig.model_validate(told)
    assert config.root == "https://api.atlassian.com/ex/confluence/1-2/wiki"
    assert config.links == "https://acme.atlassian.net/wiki"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({**CLOUD, "email": None}, "email"),
        ({**CLOUD, "base_url": "http://acme.atlassian.net"}, "https"),
        ({**CLOUD, "base_url": "acme.atlassian.net"}, "must be an address"),
        ({**CLOUD, "base_url": "https://me:secret@acme.atlassian.net"}, "must not hold credentials"),
        ({**CLOUD, "email_domain": "acme.example"}, "email_domain"),
        ({**CLOUD, "space": ["ENG"]}, "spaces"),
        ({"base_url": "https://wiki.acme.example"}, "token"),
    ],
)
def test_what_cant_be_used_is_named_and_secrets_are_not(told: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_config("confluence", told)
    assert words in refused.value.message
    assert "hush" not in refused.value.message
    assert "secret" not in refused.value.message


def test_the_token_shows_nowhere() -> None:
    config = read_config("confluence", CLOUD)
    assert "hush" not in f"{config!r} {config} {config.model_dump_json()}"
