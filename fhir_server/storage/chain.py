"""Documents that replace others: a version that is hidden hides those it replaced.

`contract.md` section 7, Documents: a flag on a document that replaced others is put on those too,
and taken off with it, in the same transaction; a document that replaces a masked one is masked.
"""

from dataclasses import replace
from typing import Any, Mapping

from fhir_server.policy.labels import MASKED, SECRET, VEILED, VISIBILITY, flags, is_visibility
from fhir_server.storage.content import local
from fhir_server.storage.write import Facts

LONGEST = 1000  # versions of one document: a ring of references must end somewhere

Resource = Mapping[str, Any]


def replaced_by(document: Resource, base: str) -> list[str]:
    """Ids of the documents of this server that `document` says it replaces."""
    texts = [
        relation.get("target", {}).get("reference", "")
        for relation in document.get("relatesTo", ())
        if relation.get("code") == "replaces"
    ]
    targets = [local(text, base) for text in texts]
    return [
        target.id_
        for target in targets
        if target is not None and target.type_ == "DocumentReference"
    ]


def with_flags(document: Resource, added: frozenset[str], taken: frozenset[str]) -> dict[str, Any]:
    """`document` with these visibility labels more, and these less; others stay as they are."""
    kept = []
    for label in document.get("securityLabel", ()):
        codings = [
            c for c in label.get("coding", ()) if not (is_visibility(c) and c.get("code") in taken)
        ]
        if codings or "coding" not in label:
            kept.append(label | {"coding": codings} if "coding" in label else label)
    missing = sorted(added - flags(document))
    kept += [{"coding": [{"system": VISIBILITY, "code": code}]} for code in missing]
    return dict(document) | {"securityLabel": kept}


def flagged(facts: Facts, added: frozenset[str], taken: frozenset[str], until: int) -> Facts:
    """The facts of a deleted document under changed flags; `until`: how long it is veiled anew."""

    def is_on(flag: str, before: bool) -> bool:
        return flag in added or (before and flag not in taken)

    return replace(
        facts,
        masked=is_on(MASKED, facts.masked),
        veiled_until=(facts.veiled_until or until) if is_on(VEILED, facts.veiled_until > 0) else 0,
        veiled_representatives=is_on(SECRET, facts.veiled_representatives),
    )


def flag_change(old: Resource, new: Resource) -> tuple[frozenset[str], frozenset[str]]:
    """Flags put on, flags taken off."""
    return flags(new) - flags(old), flags(old) - flags(new)
