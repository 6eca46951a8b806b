"""Finding one's own documents by their identifier, for which no right to consult is needed (DMP
TD3.1b): before one changes or replaces them.

`contract.md` section 7, Status: by `identifier` alone, or with the patient, `status` and parameters
of the result.
"""

from collections.abc import Iterable

from fhir_server.search.named import NAMING
from fhir_server.search.parse import CURSOR, SILENT

_BESIDE = frozenset({
    "status", "_count", "_elements", "_sort", "_summary", "_total", CURSOR, *SILENT, *NAMING,
})  # fmt: skip


def by_identifier(type_: str, names: Iterable[str]) -> bool:
    """Whether a search of `type_` by the parameters of these names is that of TD3.1b."""
    asked = set(names)
    return type_ == "DocumentReference" and "identifier" in asked and (
        asked <= _BESIDE | {"identifier"}
    )
