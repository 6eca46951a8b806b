"""What the DMP guide means by `replace` of the first label of a document (TD3.3a, b).

`contract.md` section 7, "PATCH as the guide writes it": a visibility code is one more flag, the
level of confidentiality stays; a level takes the flags off that its caller may take off.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.policy.labels import (
    CONFIDENTIALITY,
    FLAGS,
    MASKED,
    SECRET,
    VEILED,
    flags,
    is_visibility,
)
from fhir_server.policy.writes import Act

TAKING_OFF = {MASKED: Act("unmask"), VEILED: Act("reveal"), SECRET: Act("secrecy")}

Resource = Mapping[str, Any]


def as_the_guide_means(
    before: Resource, after: Resource, may: Callable[[Act], bool]
) -> dict[str, Any]:
    """`before` with the change that the guide means by `after`, of which the first label has been
    replaced; `after` itself where that label is neither flags nor one level. `may`: what the caller
    may do. If none of the flags is theirs to take off, all go, and the rules will refuse it.
    """
    new, old = _labels(after), _labels(before)
    if not new or not old or not new[0].get("coding"):
        return dict(after)  # whatever is wrong with it is told with the whole resource
    codings, there = new[0]["coding"], flags(before)
    if all(is_visibility(coding) and coding.get("code") in FLAGS for coding in codings):
        missing = [coding for coding in codings if coding["code"] not in there]
        added = [{"coding": missing}] if missing else []
        return dict(before) | {"securityLabel": [*old, *added]}
    if len(codings) != 1 or not _is_level(codings[0]):
        return dict(after) | {"securityLabel": new}
    taken = {flag for flag in there if flag in TAKING_OFF and may(TAKING_OFF[flag])} or there
    return dict(before) | {"securityLabel": _at_level(old, codings[0], frozenset(taken))}


def _labels(document: Resource) -> list[dict[str, Any]]:
    """The labels of a document, one that is written as its coding alone as the label it is; none
    where they are no labels.
    """
    found = document.get("securityLabel")
    if not isinstance(found, list) or not all(isinstance(label, dict) for label in found):
        return []
    labels = [
        {"coding": [label]} if "code" in label and "coding" not in label else label
        for label in found
    ]
    well_formed = all(
        isinstance(codings := label.get("coding", []), list)
        and all(isinstance(coding, dict) for coding in codings)
        for label in labels
    )
    return labels if well_formed else []


def _is_level(coding: Mapping[str, Any]) -> bool:
    return coding.get("system") in CONFIDENTIALITY and coding.get("code") in ("N", "R", "V")


def _at_level(
    labels: list[dict[str, Any]], level: Mapping[str, Any], taken: frozenset[str]
) -> list[dict[str, Any]]:
    """The labels with this level in place of theirs, and without the flags that are taken off."""
    kept = []
    for label in labels:
        codings = [
            level if _is_level(coding) and coding["code"] != level["code"] else coding
            for coding in label.get("coding", ())
            if not (is_visibility(coding) and coding.get("code") in taken)
        ]
        if codings or "coding" not in label:
            kept.append(label | {"coding": codings} if codings else label)
    return kept
