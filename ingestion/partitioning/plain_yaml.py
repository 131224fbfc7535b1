"""YAML as people write facts in it: no key twice, no aliases, one document; whatever is wrong with it, one error."""

from __future__ import annotations

from typing import Any

import yaml


class NotYamlError(ValueError):
    """The text can't be read as YAML to its end; the message says why, on one line."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.1 in its safe types, without what makes a text mean something else than it seems to say."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            # Nothing needs them here, and a few lines of them can stand for gigabytes.
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read, write the value out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"{key.value!r} stands there twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The value that a text stands for; None if it stands for none.

    Raises:
        NotYamlError: it isn't YAML, has a key twice, or aliases.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except RecursionError:
        raise NotYamlError("it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        # Beside its own errors, the loader lets through what Python's types raise on what they can't hold.
        raise NotYamlError(_one_line(error)) from None


def _one_line(error: Exception) -> str:
    """A parser's message without its line breaks and its excerpt of the file."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return f"{problem} (line {mark.line + 1})" if mark is not None else str(problem)
