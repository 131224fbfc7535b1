"""The command line's wiring: settings, the data directory's layout and a client with this machine's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.cli.client import Client
    from api.cli.options import Reader
    from core.settings import Settings


def settings() -> Settings:
    """The settings of the working directory and the environment."""
    from core.settings_source import load_settings  # noqa: PLC0415 - pydantic, which --help can do without

    return load_settings()


def client(reader: Reader | None = None) -> Client:
    """A client of the running service, for ``reader`` (None: this machine's administrator).

    Raises:
        Unavailable: another Footnote than these settings mean answers there.
    """
    from api.cli.client import Client  # noqa: PLC0415
    from api.cli.identity import check_instance  # noqa: PLC0415
    from api.supervisor.admin_key import read_admin_key  # noqa: PLC0415
    from api.supervisor.control import service_url  # noqa: PLC0415
    from api.supervisor.layout import Layout  # noqa: PLC0415

    current = settings()
    layout = Layout.of(current)
    url = service_url(current, layout)
    check_instance(current, layout, url)
    key = reader.key if reader else None
    if key is None:
        configured = current.api.admin_key
        key = configured.get_secret_value() if configured else read_admin_key(layout)
    return Client(url, key, user=reader.user if reader else None, groups=reader.groups if reader else ())
