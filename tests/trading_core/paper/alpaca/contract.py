"""Alpaca's published API descriptions, held against every answer of the exchange."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import yaml  # type: ignore[import-untyped]  # it ships no types

from tests.conftest import BARS

FILES = [BARS.parent / "alpaca" / f"{name}-openapi.yaml" for name in ("trading", "data")]


class Contract:
    """One OpenAPI file, without the two places where Alpaca's own client contradicts it.

    The client reads a corporate action's type in small letters, and of a position that could not
    be closed a refusal instead of an order.

    Attributes:
        seen: Method and path of every answer that was validated.
    """

    def __init__(self, path: Path) -> None:
        whole = yaml.load(path.read_text(), yaml.CSafeLoader)
        self._components = in_json_schema(whole["components"])
        schemas = self._components["schemas"]
        schemas.get("CorporateActionCaType", {}).pop("enum", None)
        closed = schemas.get("PositionClosedReponse", {}).get("properties", {})
        if closed:
            closed["body"] = {"anyOf": [closed["body"], {"$ref": "#/components/schemas/Error"}]}
        self._paths: Mapping[str, Any] = whole["paths"]
        self.seen: set[tuple[str, str]] = set()

    def knows(self, method: str, path: str) -> str | None:
        """Return the template of a path, if the file has it; the plainest one that fits."""
        fits = [
            template
            for template, methods in self._paths.items()
            if method.lower() in methods and _pattern(template).fullmatch(path)
        ]
        return min(fits, key=lambda template: template.count("{"), default=None)

    def check(self, method: str, template: str, status: int, answer: object) -> None:
        """Validate an answer, or fail."""
        responses = self._paths[template][method.lower()]["responses"]
        assert str(status) in responses, f"{method} {template}: {status} is not published"
        content = responses[str(status)].get("content")
        self.seen.add((method, template))
        if content is None:
            return
        schema = in_json_schema(next(iter(content.values()))["schema"])
        jsonschema.validate(answer, {**schema, "components": self._components})


@lru_cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def in_json_schema(node: Any) -> Any:
    """Say OpenAPI 3.0's `nullable` in the words of JSON Schema, which 3.1 uses."""
    if isinstance(node, list):
        return [in_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    said = {key: in_json_schema(value) for key, value in node.items()}
    return {**said, "type": [said["type"], "null"]} if said.pop("nullable", False) else said
