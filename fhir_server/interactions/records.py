"""Opening and closing of a record, as its Patient says it.

R.1111-36 CSP; `contract.md` section 7, Record: the server adds `dmp-fermeture` with the date.
"""

from typing import Any, Mapping

from fhir_server.fhir.dates import instant
from fhir_server.policy.relations import CLOSING
from fhir_server.storage.writing import Draft


def with_closing(old: Mapping[str, Any], draft: Draft, now: int) -> Draft:
    """`draft` of a Patient with the extension that a closing needs, or without the one that a
    reopening ends.
    """
    new = draft.resource
    closes, reopens = _is_open(old) and not _is_open(new), _is_open(new) and not _is_open(old)
    if not (closes or reopens):
        return draft
    others = [
        extension for extension in new.get("extension", ()) if extension.get("url") != CLOSING
    ]
    if closes:
        given = [
            extension for extension in new.get("extension", ()) if extension.get("url") == CLOSING
        ]
        date = {"url": "dateFermeture", "valueDate": instant(now)[:10]}
        others += given or [{"url": CLOSING, "extension": [date]}]
    rest = {name: value for name, value in new.items() if name != "extension"}
    return Draft(rest | ({"extension": others} if others else {}))


def _is_open(patient: Mapping[str, Any]) -> bool:
    return bool(patient.get("active", True))
