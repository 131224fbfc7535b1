"""Configuration of the security plugin for a local node: TLS on both layers and one administrator."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import ConfigurationError
from deploy.opensearch.certificates import ADMIN_NAME, CA_FILE, NODE_NAME, write_certificates

PLUGIN_CLASS = "org.opensearch.security.OpenSearchSecurityPlugin"
_HASHER = "org.opensearch.security.tools.Hasher"


@dataclass(frozen=True, slots=True)
class SecuredConfig:
    """The one user of a secured local node, with every right on it."""

    password: str = field(repr=False)
    user: str = "admin"


def node_settings() -> dict[str, object]:
    """What goes into ``opensearch.yml``; paths are relative to the configuration folder."""
    settings: dict[str, object] = {
        "plugins.security.ssl.http.enabled": True,
        "plugins.security.ssl.transport.enforce_hostname_verification": False,
        "plugins.security.allow_default_init_securityindex": True,
        "plugins.security.authcz.admin_dn": [f"CN={ADMIN_NAME}"],
        "plugins.security.nodes_dn": [f"CN={NODE_NAME}"],
        "plugins.security.audit.type": "noop",
    }
    for layer in ("transport", "http"):
        settings[f"plugins.security.ssl.{layer}.pemcert_filepath"] = f"{NODE_NAME}.pem"
        settings[f"plugins.security.ssl.{layer}.pemkey_filepath"] = f"{NODE_NAME}-key.pem"
        settings[f"plugins.security.ssl.{layer}.pemtrustedcas_filepath"] = CA_FILE
    return settings


def write_security(config: Path, plugin: Path, secured: SecuredConfig, java: Path, class_path: str) -> None:
    """Put certificates and the plugin's own configuration into ``config``, unless they are there already.

    The plugin reads its users only when the node is new: a later change of the password needs a new home.
    """
    if not (config / CA_FILE).exists():
        write_certificates(config)
    target = config / "opensearch-security"
    if target.is_dir():
        return
    digest = _hash(secured.password, java, class_path)
    shutil.copytree(plugin / "config", target)
    users = f"""_meta: {{type: internalusers, config_version: 2}}
{secured.user}: {{hash: "{digest}", reserved: false, backend_roles: [admin]}}
"""
    (target / "internal_users.yml").write_text(users, encoding="utf-8")


def _hash(password: str, java: Path, class_path: str) -> str:
    # Through the environment: an argument would show in the process list.
    arguments = [str(java), "-cp", class_path, _HASHER, "-env", "NODE_PASSWORD"]
    done = subprocess.run(  # noqa: S603  # fixed arguments, no shell
        arguments, env={"NODE_PASSWORD": password}, capture_output=True, text=True, timeout=60, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("$2")]
    if done.returncode != 0 or not lines:
        raise ConfigurationError(f"The security plugin could not hash the password: {done.stderr[-500:]}")
    return lines[-1]
