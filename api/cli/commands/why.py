"""``footnote why``."""

from __future__ import annotations

from typing import Any

import click

from api.cli import context
from api.cli.options import Reader, Scope, json_option, print_json, question_from, readable, say, scope_options
from core.errors import InvalidRequest, NotFound

VERDICTS = {
    "absent": "The index holds nothing of it.",
    "closed": "The reader may not read it.",
    "filtered": "A filter leaves it out.",
    "missed": "None of its passages is among the results.",
    "copy": "Another document says the same, and is shown in its place.",
    "found": "It is among the results, too far down for an answer to be written from it.",
    "given": "An answer is written from it.",
}


@click.command(epilog="Example:  footnote why 'hotel limit in Norway' policies/travel.pdf --as ida@example.com")
@click.argument("question")
@click.argument("document")
@click.option("--as", "user", metavar="USER", help="For this reader; needs a key that may act for others.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="... who is in this group. Repeatable.")
@click.option("--key", help="With this API key instead of this machine's administrator key.")
@scope_options
@json_option
def why(
    *,
    question: str,
    document: str,
    user: str | None,
    groups: tuple[str, ...],
    key: str | None,
    scope: Scope,
    as_json: bool,
) -> None:
    """Say why QUESTION finds DOCUMENT, or doesn't: its rank after each step, filters, who may read it.

    DOCUMENT is its id, or its name in its source.
    """
    client = context.client(Reader(None, (), key))
    body: dict[str, Any] = scope.into({"question": question_from(question)})
    if user or groups:
        body["reader"] = {"user": readable(user, "--as") if user else None, "groups": list(groups)}
    found = client.request("POST", f"/v1/ledger/{_id_of(client, readable(document, 'DOCUMENT'))}/why", body)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _id_of(client: Any, named: str) -> str:
    documents = client.request("GET", "/v1/ledger", named=named)["documents"]
    if not documents:
        raise NotFound(f"There is no document {named!r}: give its id, or its name in its source.")
    if len(documents) > 1:
        ids = ", ".join(one["document_id"] for one in documents)
        raise InvalidRequest(f"Several sources have a document {named!r}. Name it by its id: {ids}.")
    return str(documents[0]["document_id"])


def _show(found: dict[str, Any]) -> None:
    say(f"{found['title']}: {VERDICTS[found['verdict']]}")
    reader = found["reader"]
    opening = ", ".join(reader["opened_by"]) or "nothing"
    say(f"  Read by {reader['user'] or 'a reader without a name'} through {opening}; it is {found['state']}.")
    for check in found["filters"]:
        has = f", it has {', '.join(check['has'])}" if check["has"] else ""
        say(f"  {check['field']} {' to '.join(check['wanted'])}: {'passes' if check['passes'] else 'left out'}{has}")
    if found["words"] is False:
        say("  No passage of it has a word of the question.")
    for passage in found["passages"]:
        page = f", page {passage['page']}" if passage["page"] else ""
        ranks = ", ".join(f"{step} #{rank}" for step, rank in passage["ranks"].items()) or "nowhere"
        place = f"result {passage['place']}" if passage["place"] else "no result"
        if passage["twin_of"]:
            place = f"shown as document {passage['twin_of']}"
        say(f"  passage {passage['ordinal']}{page}: {ranks}; {place}{', given to the answer' * passage['given']}")
    for said in (*found["notices"], *found["degraded"]):
        say(f"({said})", err=True)
