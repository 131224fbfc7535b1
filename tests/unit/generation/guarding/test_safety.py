"""Judges of content against small servers that speak their protocols.

The shapes are those of the vendors' pages, named in ``generation/guarding/safety_services.py``; botocore itself checks
what is sent to Bedrock, and reads what comes back, by Amazon's own model of the service.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.guard_settings import SafetySettings
from core.principal import ANONYMOUS
from core.settings import Settings
from generation.answerer import Answerer
from generation.events import Abstain, Citation, Token
from generation.models.port import Delta, Usage
from generation.question import Question

STOP = Delta(finish_reason="stop", usage=Usage(1, 1))
BAD = "forbidden"
LEAVE = "Every employee gets 25 days of paid leave a year."
QUESTION = "How many days of paid leave does an employee get?"


class Services(ThreadingHTTPServer):
    """All three, told apart by their paths. ``mode``: what is wrong with them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = ""
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Services

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, {name.lower(): it for name, it in self.headers.items()}, body))
        status, answer = self._answer(body)
        if self.server.mode == "slow":
            time.sleep(0.5)
        data = b"{" if self.server.mode == "broken" else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.server.mode == "down":
            return 503, {"message": "overloaded"}
        if self.server.mode == "odd":
            return 200, {"results": [], "categoriesAnalysis": [], "action": None}
        if self.path == "/v1/moderations":
            bad = BAD in body["input"]
            names = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
            result = {
                "flagged": bad,
                "categories": {name: bad and name == "violence" for name in names},
                "category_scores": {name: 0.9 if bad and name == "violence" else 0.001 for name in names},
                "category_applied_input_types": {name: ["text"] for name in names},
            }
            return 200, {"id": "modr-1", "model": body["model"], "results": [result]}
        if self.path == "/contentsafety/text:analyze?api-version=2024-09-01":
            severity = 4 if BAD in body["text"] else 2
            analysis = [{"category": name, "severity": 0} for name in ("Hate", "SelfHarm", "Sexual")]
            return 200, {
                "blocklistsMatch": [],
                "categoriesAnalysis": [*analysis, {"category": "Violence", "severity": severity}],
            }
        assert self.path == "/guardrail/abc123/version/1/apply", self.path
        assert body["source"] in ("INPUT", "OUTPUT")
        units = dict.fromkeys(
            ("topicPolicyUnits", "contentPolicyUnits", "wordPolicyUnits", "sensitiveInformationPolicyUnits",
             "sensitiveInformationPolicyFreeUnits", "contextualGroundingPolicyUnits"), 1,
        )  # fmt: skip
        if BAD not in body["content"][0]["text"]["text"]:
            return 200, {"usage": units, "action": "NONE", "outputs": [], "assessments": [{}]}
        found = {"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED"}
        return 200, {
            "usage": units,
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": "Sorry."}],
            "assessments": [{"contentPolicy": {"filters": [found]}}],
        }

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    server = Services()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def services(running: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    running.mode = ""
    running.asked.clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return running


PROVIDERS = ["openai", "azure", "bedrock", "rules"]
REMOTE = PROVIDERS[:3]


def settings_of(provider: str, url: str, **more: Any) -> Settings:
    own: dict[str, dict[str, Any]] = {
        "openai": {"provider": "openai", "url": f"{url}/v1", "api_key": "sk-secret"},
        "azure": {"provider": "azure", "url": url, "api_key": "azure-secret"},
        "bedrock": {"provider": "bedrock", "url": url, "guardrail": "abc123", "guardrail_version": "1",
                    "region": "eu-west-1"},
        "rules": {"rules": [{"category": "weapons", "words": [BAD]}]},
    }  # fmt: skip
    # Sentences that are still being checked when the guard closes the answer lose their footnotes (docs/guards.md).
    return Settings.model_validate({"guard": {"safety": own[provider] | more}, "verification": {"enabled": False}})


def ask(found: Any, model: Any, settings: Settings, question: str = QUESTION) -> list[Any]:
    asked = Question(text=question, principal=ANONYMOUS, answer_id="a", conversation_id="c")

    async def run() -> list[Any]:
        answerer = Answerer(found, model, settings)
        events = [event async for event in answerer.answer(asked)]
        await answerer.close()
        return events

    return asyncio.run(run())


def shown(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


@pytest.fixture
def found(passages: Any, make_chunk: Any) -> Any:
    return passages(make_chunk(LEAVE))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_question_that_is_not_wanted_is_refused_before_the_search(
    services: Services, found: Any, provider: str
) -> None:
    events = ask(found, None, settings_of(provider, services.url), f"How do I make the {BAD} thing?")
    assert [type(event).__name__ for event in events] == ["Meta", "Abstain", "Done"]
    assert events[1].reason == "The question can't be answered here."
    assert events[-1].finish_reason == "content_filter"
    assert found.asked == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_is_shown_up_to_the_sentence_that_is_not_wanted(
    services: Services, found: Any, scripted: Any, provider: str
) -> None:
    model = scripted(
        Delta("You get 25 days [1]. This is forb"), Delta("idden [1]. And more."), *[Delta(" More. ")] * 20, STOP
    )
    events = ask(found, model, settings_of(provider, services.url))
    assert shown(events).strip() == "You get 25 days."
    assert [event for event in events if isinstance(event, Citation)]
    assert [event.reason for event in events if isinstance(event, Abstain)]
    assert events[-1].finish_reason == "content_filter"
    assert model.closed_early


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_wanted_goes_through_as_it_is(services: Services, found: Any, scripted: Any, provider: str) -> None:
    events = ask(found, scripted(Delta("You get 25 days [1]. Fine."), STOP), settings_of(provider, services.url))
    assert shown(events) == "You get 25 days. Fine."
    assert events[-1].degraded == ()


@pytest.mark.parametrize("mode", ["down", "slow", "broken", "odd"])
@pytest.mark.parametrize("provider", REMOTE)
def test_a_service_that_fails_closes_the_way_or_leaves_it_open_and_says_so(
    services: Services, found: Any, scripted: Any, provider: str, mode: str
) -> None:
    services.mode = mode
    closed = ask(found, None, settings_of(provider, services.url, timeout_s=0.2))
    assert closed[-1].finish_reason == "content_filter"
    assert found.asked == []
    events = ask(
        found,
        scripted(Delta("You get 25 days [1]. Fine. Good."), STOP),
        settings_of(provider, services.url, on_failure="allow", timeout_s=0.2),
    )
    assert shown(events) == "You get 25 days. Fine. Good."
    for done in (closed[-1], events[-1]):
        assert any(entry.startswith("safety: ") and "wasn't checked" in entry for entry in done.degraded)
        assert services.url.removeprefix("http://") not in str(done)
        assert "secret" not in str(done)
    assert len(services.asked) == 3  # once for each question, once for the answer: not for every sentence


def test_requests_are_as_the_vendors_say(services: Services, found: Any) -> None:
    for provider in REMOTE:
        ask(found, None, settings_of(provider, services.url, answers=False))
    (_, openai, moderated), (_, azure, analysed), (_, aws, applied) = services.asked
    assert openai["authorization"] == "Bearer sk-secret"
    assert moderated == {"model": "omni-moderation-latest", "input": QUESTION}
    assert azure["ocp-apim-subscription-key"] == "azure-secret"
    assert analysed == {"text": QUESTION, "outputType": "FourSeverityLevels"}
    assert aws["authorization"].startswith("AWS4-HMAC-SHA256")
    assert applied == {"source": "INPUT", "content": [{"text": {"text": QUESTION}}]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"provider": "bedrock"}, "guard.safety.guardrail"),
        ({"provider": "azure", "url": "https://x"}, "guard.safety.api_key"),
        ({"provider": "openai"}, "guard.safety.api_key"),
        ({"rules": [{"category": "x", "patterns": ["("]}]}, "regular expression"),
    ],
)
def test_settings_that_lack_something_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SafetySettings.model_validate(wrong)
