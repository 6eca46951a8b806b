"""The rows of an index while they are gathered.

https://hl7.org/fhir/R4/search.html#2.21.1.1
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_server.search.whole import NOWHERE, Names

Items = Sequence[tuple[str, Any]]  # FHIR type, value

SHORT = 200  # characters of a string that is found in other spellings too


@dataclass(slots=True)
class Rows:
    """See `extract.Index` for each; `base` is this server's address, `version` the business version
    of the resource, `names` says where its references lead within the same whole. Doubles are
    dropped at the end.
    """

    base: str
    version: str = ""
    names: Names = NOWHERE
    keys: set[int] = field(default_factory=set)
    strings: list[tuple[int, str, bool]] = field(default_factory=list)
    dates: list[tuple[int, int, int]] = field(default_factory=list)
    numbers: list[tuple[int, float, float]] = field(default_factory=list)
    references: list[tuple[int, str, str]] = field(default_factory=list)
    inward: list[tuple[int, int]] = field(default_factory=list)
    tokens: dict[int, str] = field(default_factory=dict)
    contained: set[str] = field(default_factory=set)  # strings that `:contains` looks into
