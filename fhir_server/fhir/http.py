"""A request and an answer as values: no web framework knows them, none is known here."""

from dataclasses import dataclass, field
from typing import Any, Mapping
from urllib.parse import parse_qsl

from fhir_server.fhir.outcome import Issue


@dataclass(frozen=True, slots=True)
class Call:
    """`path` below the base address, without a slash at either end, decoded; header names in lower
    case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""  # of the network, from where the connection came
    read: dict[str, Any] = field(
        default_factory=dict, compare=False, repr=False
    )  # what has been read of it, kept

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the URL, decoded, in order; those without a value too."""
        return parse_qsl(self.query, keep_blank_values=True)

    def parameter(self, name: str) -> str:
        """The last value of a parameter of the URL, or ""."""
        return dict(self.pairs()).get(name, "") if name in self.query else ""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


@dataclass(slots=True)
class Reply:
    """`text` is JSON of FHIR content, written as XML at the edge when that is wanted; `raw` are
    bytes of `media`, as they are; `modified` is the instant of the version that is shown;
    `warnings` are about what has been done all the same.
    """

    status: int
    text: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    media: str = ""
    modified: str = ""
    warnings: tuple[Issue, ...] = ()
