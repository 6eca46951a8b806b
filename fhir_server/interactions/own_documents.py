"""Finding one's own documents by their identifier, for which no right to consult is needed (DMP
TD3.1b): before one changes or replaces them.

`contract.md` section 7, Status: by `identifier` alone, or with the patient, `status` and parameters
of the result.
"""

from collections.abc import Sequence

from fhir_server.search.named import NAMING, is_name
from fhir_server.search.parse import CURSOR, SILENT
from fhir_server.search.terms import split

_BESIDE = frozenset({
    "status", "_count", "_elements", "_sort", "_summary", "_total", CURSOR, *SILENT, *NAMING,
})  # fmt: skip


def by_identifier(type_: str, pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether a search of `type_` by these parameters is that of TD3.1b: an identifier is said, no
    system alone.
    """
    says = any(
        name == "identifier" and is_name(name, value) and any(split(value, ","))
        for name, value in pairs
    )
    asked = {name for name, _ in pairs}
    return type_ == "DocumentReference" and says and asked <= _BESIDE | {"identifier"}
