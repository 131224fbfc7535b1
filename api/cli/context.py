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
    current = settings()
    return client_of(current, url_of(current), reader)


def url_of(current: Settings) -> str:
    """Where the service of these settings answers.

    Raises:
        Unavailable: another Footnote answers there.
    """
    from api.cli.identity import check_instance  # noqa: PLC0415
    from api.supervisor.control import service_url  # noqa: PLC0415
    from api.supervisor.layout import Layout  # noqa: PLC0415

    layout = Layout.of(current)
    url = service_url(current, layout)
    check_instance(current, layout, url)
    return url


def client_of(current: Settings, url: str, reader: Reader | None = None) -> Client:
    """A client of the service at ``url``, for ``reader`` (None: this machine's administrator)."""
    from api.cli.client import Client  # noqa: PLC0415
    from api.supervisor.admin_key import read_admin_key  # noqa: PLC0415
    from api.supervisor.layout import Layout  # noqa: PLC0415

    layout = Layout.of(current)
    key, advice = reader.key if reader else None, None
    if key is None and current.api.standing_keys:
        key = current.api.standing_keys[0]
        advice = "This command used the key in api.admin_key: put another into the configuration, or take it out."
    elif key is None:
        key = read_admin_key(layout)
        advice = f"This command used the key in {layout.admin_key_file}: `footnote up` puts a new one there."
    user, groups = (reader.user, reader.groups) if reader else (None, ())
    return Client(url, key, user=user, groups=groups, advice=advice)
