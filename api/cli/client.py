"""The command line's client: the one of programs, with advice for who sits at this machine."""

from __future__ import annotations

from api.cli.options import readable
from api.client.blocking import Footnote


class Client(Footnote):
    """Talks to one Footnote. It refuses at once what the service refuses: who types can try again.

    Args:
        url: of the service, without a path.
        key: the API key, None for none.
        user: whom to act for; needs a key that may.
        groups: which groups they are in.
        advice: what to do when the key is refused.

    Raises:
        InvalidRequest: one of them isn't UTF-8.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        user: str | None = None,
        groups: tuple[str, ...] = (),
        advice: str | None = None,
    ) -> None:
        super().__init__(
            url,
            readable(key, "The key") if key else None,
            user=readable(user, "--as") if user else None,
            groups=[readable(group, "--group") for group in groups],
            retries=0,
            when_refused=advice or "",
            when_absent="Footnote isn't running here: start it with `footnote up`.",
        )
