"""Modifier extensions: what changes the meaning of the element it stands in.

https://hl7.org/fhir/R4/extensibility.html#modifierExtension
"""

from typing import Any, Iterator, Mapping

# What this server acts upon. It knows none, so that none is ever taken for understood.
UNDERSTOOD: frozenset[str] = frozenset()


def not_understood(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The place (FHIRPath) and address of each modifier extension that is not `UNDERSTOOD`."""
    yield from _below(resource, str(resource["resourceType"]))


def _below(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from _below(item, f"{at}[{n}]")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name == "modifierExtension":
                for n, extension in enumerate(item):
                    if extension["url"] not in UNDERSTOOD:
                        yield f"{at}.{name}[{n}]", extension["url"]
            elif isinstance(item, (Mapping, list)):
                yield from _below(item, f"{at}.{name.removeprefix('_')}")
