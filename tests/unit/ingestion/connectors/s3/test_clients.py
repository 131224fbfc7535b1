from __future__ import annotations

import pytest

from core.errors import InvalidRequest, SourceRefuses
from ingestion.connectors.registry import read_config
from ingestion.connectors.s3.bucket import Bucket
from ingestion.connectors.s3.clients import Clients, _may_be_private
from ingestion.connectors.s3.config import S3Config


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("s3.eu-west-1.amazonaws.com", True),
        ("docs.s3.eu-west-1.amazonaws.com", True),
        ("docs.s3-eu-west-1.amazonaws.com", True),
        ("s3.dualstack.eu-west-1.amazonaws.com", True),
        ("sqs.eu-west-1.amazonaws.com", True),
        ("s3.cn-north-1.amazonaws.com.cn", True),
        ("ec2-10-0-0-1.eu-west-1.compute.amazonaws.com", False),
        ("internal-s3-1.eu-west-1.elb.amazonaws.com", False),
        ("s3.amazonaws.com.example.com", False),
        ("example.com", False),
    ],
)
def test_only_awss_own_services_may_be_at_private_addresses(host: str, fine: bool) -> None:
    assert _may_be_private(host, False) is fine
    assert _may_be_private(host, True)


def test_private_addresses_are_refused_before_a_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.RetryHandler.needs_retry", lambda *_, **__: None)
    config = S3Config(bucket="docs", endpoint="http://127.0.0.1:1", access_key_id="a", secret_access_key="b")  # type: ignore[arg-type]
    bucket = Bucket(Clients(config, "http://127.0.0.1:9").s3(), "docs", config.endpoint)
    with pytest.raises(SourceRefuses, match="allow_private"):
        next(bucket.pages(""))
    bucket.close()


def test_settings_are_checked_and_secrets_not_shown() -> None:
    good = {"bucket": "docs", "access_key_id": "AKIA-ours", "secret_access_key": "very-secret"}
    assert "very-secret" not in repr(read_config("s3", good))
    for wrong, says in (
        ({"secret_access_key": "very-secret"}, "belong together"),
        ({"endpoint": "http://ann:very-secret@host"}, "it must be an address"),
        ({"region": "a/../very-secret"}, "'region'"),
        ({"bucket": "d"}, "'bucket'"),
        ({"bucket": "docs-s3alias", "queue_url": "https://sqs.eu-west-1.amazonaws.com/1/q"}, "aliases"),
        ({"acl_tags": "x"}, "Did you mean 'acl_tag'"),
    ):
        given = {**(good if "secret_access_key" not in wrong else {"bucket": "docs"}), **wrong}
        with pytest.raises(InvalidRequest, match=says) as raised:
            read_config("s3", given)
        assert "very-secret" not in raised.value.message
