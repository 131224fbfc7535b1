"""Makes text harmless that somebody else wrote, for a model's prompt and for readers.

Only what is sent or shown is changed. Quotes and their offsets are of the document's own text, so citations still map.
"""

from __future__ import annotations

import codecs
import re

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, among them those of a terminal; tab and line feed stay
    "\u00ad\u034f\u180e\u200b\u2060-\u2064\ufeff"  # soft hyphen, joiners and blanks of no width
    "\u202a-\u202e\u2066-\u206f"  # embeddings, overrides and isolates: text shown in another order than it is read
    "\ufff9-\ufffb\U000e0000-\U000e0fff]"  # annotations; tags, which spell ASCII that nobody sees
)
"""What a reader can't see. Joiners that scripts and emoji need (ZWJ, ZWNJ, LRM, RLM, ALM) stay."""

_ANGLE = re.compile(
    r"[<＜﹤](?="
    r"\s{0,3}[|｜]"  # <|im_start|>, <|eot_id|>, <｜User｜>: ChatML, Llama 3, Phi, Qwen, GLM, DeepSeek, gpt-oss
    r"|\s{0,3}/?\s{0,3}sources?\b"  # what delimits our own sources
    r"|[<＜]\s{0,3}/?\s{0,3}SYS"  # <<SYS>>: Llama 2
    r"|\s{0,3}/?\s{0,3}(?:s|bos|eos|pad|unk|mask|sop|eop|eoh|eoa|bot|eot)\s{0,3}[>＞﹥]"
    r"|\s{0,3}/?\s{0,3}(?:start|end)_(?:of|header)\w*"  # <start_of_turn>: Gemma
    r"|\s{0,3}/?\s{0,3}(?:system|user|assistant|human|model|tool|function|developer|think|thinking|invoke|instructions?)"
    r"(?:[_-]\w+)?\b[^<>\n]{0,80}[>＞﹥]"
    r")",
    re.IGNORECASE,
)
_SQUARE = re.compile(
    r"[\[［](?=\s{0,3}(?:"
    r"/?\s{0,3}(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|IMG|gMASK|sMASK"
    r"|CLS|SEP|BOS|EOS|PREFIX|SUFFIX|MIDDLE|SYSTEM|USER|ASSISTANT)"  # [INST]: Llama 2, Mistral; [gMASK]: ChatGLM
    r"|\d{1,9}(?:\s{0,3},\s{0,3}\d{1,9}){0,20}"  # a citation's marker: what a source writes in one isn't ours
    r")\s{0,3}[\]］])",
    re.IGNORECASE,
)
_ROLES = r"(?:system|user|human|assistant|instructions?|input|response|question|answer|model|developer|tool)"
_HEADED = re.compile(
    rf"^([^\S\n]{{0,3}})#(?=#{{0,5}}[^\S\n]{{0,3}}{_ROLES}\b[^\n:]{{0,12}}:)", re.IGNORECASE | re.MULTILINE
)
"""``### System:``: Alpaca, Vicuna."""
_TURN = re.compile(
    r"^([^\S\n]{0,3}[*_]{0,2}(?:GPT4 Correct )?(?:system|user|human|assistant|developer))(\s{0,3}[*_]{0,2}):",
    re.IGNORECASE | re.MULTILINE,
)
"""``Human:`` and ``ASSISTANT:`` at the start of a line: models that were told turns apart by words."""


def visible(text: str) -> str:
    """The text without characters that no reader sees."""
    return _INVISIBLE.sub("", text)


def inert(text: str) -> str:
    """The text as data of a prompt: no role, no tool, no delimiter and no citation of ours can be written in it.

    The first character of each marker becomes a character reference, which every model reads and no tokenizer takes
    for one of its special tokens.
    """
    text = _ANGLE.sub("&lt;", visible(text.replace("\r\n", "\n").replace("\r", "\n")))
    text = _SQUARE.sub("&#91;", text)
    text = _HEADED.sub(r"\1&#35;", text)
    return _TURN.sub(r"\1\2&#58;", text)


class Scalars:
    """Text that comes in pieces, made of whole characters: halves of a surrogate pair join across pieces.

    A server that escapes characters as UTF-16 may cut between the two halves. A half without its other half becomes
    U+FFFD: it can't be encoded, neither in an answer nor in a log.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-16-le")("replace")

    def feed(self, text: str, *, final: bool = False) -> str:
        """What is whole so far; with ``final``, a half that waits is given up."""
        return self._decoder.decode(text.encode("utf-16-le", "surrogatepass"), final)
