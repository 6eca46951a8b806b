"""Documents that replace others, or relate to them otherwise: which those are, however they are
named.

`contract.md` section 7, replacement: by a literal reference, an identifier, a contained resource,
or what the content says of itself, the same in every way. The replaced document must be there for
the caller, current, and of the same record; who replaces it must have the right to end it (R072).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fhir_server.fhir.outcome import Conflict, FhirError, Unprocessable
from fhir_server.policy.labels import MASKED, flags
from fhir_server.policy.redaction import without_orphans
from fhir_server.search.parse import parse
from fhir_server.storage.chain import replaced_by, with_flags
from fhir_server.storage.checks import nothing_there
from fhir_server.storage.content import content_of, local
from fhir_server.storage.following import Following
from fhir_server.storage.rows import Named
from fhir_server.storage.version import Version
from mappings.identifiers import URN_SYSTEM, forms, normal

TYPE = "DocumentReference"
REPLACES = "replaces"
MOST = 100  # relations of one document: each is looked up
SEVERAL = 10  # documents with one identifier that are looked at: more than one is too many

Resource = Mapping[str, Any]
Relations = Sequence[Mapping[str, Any]]


class Replacing(Following):
    """A repository that knows which documents a new one replaces."""

    def documents_with(self, identifier: Resource) -> list[Version]:
        """The documents with this identifier, in whatever spelling, that the caller sees or has
        written himself (TD3.1b).
        """
        pairs = forms(str(identifier.get("system", "")), str(identifier.get("value", "")))
        asked = ",".join("|".join(_escaped(part) for part in pair) for pair in pairs)
        query = parse(
            TYPE, [("identifier", asked)], base=self.house.base, now=self.moment.now,
            page_size=SEVERAL, max_page=SEVERAL,
        )  # fmt: skip
        with self.asking("identifier"):
            return self.search(query, Named()).versions

    def with_relations(self, document: Resource, of_content: Relations = ()) -> dict[str, Any]:
        """`document` with the relations its content says of itself, each to a document of this
        server by its address.

        Unprocessable for a replaced document that is not found, or not seen, and where metadata
        and content name different ones.
        """
        if len(document.get("relatesTo", ())) + len(of_content) > MOST:
            raise Unprocessable(
                f"a document relates to {MOST} others at most",
                code="too-costly",
                expression=f"{TYPE}.relatesTo",
            )
        own = self._literal(document, document.get("relatesTo", ()))
        said = self._literal(document, of_content)
        replaced, replaced_too = _targets(own), _targets(said)
        if replaced and replaced_too and replaced != replaced_too:
            raise Unprocessable(
                "the content replaces another document than the metadata say",
                code="business-rule",
                expression=f"{TYPE}.relatesTo",
            )
        known = [_meaning(relation) for relation in own]
        whole = own + [one for one in said if _meaning(one) not in known]
        made = {name: value for name, value in document.items() if name != "relatesTo"}
        return without_orphans(made | ({"relatesTo": whole} if whole else {}), document)

    def replaced(self, document: Resource) -> list[Version]:
        """The documents that one with literal relations replaces; Conflict for one that has been
        replaced already.
        """
        found = []
        for id_ in dict.fromkeys(replaced_by(document, self.house.base)):
            current = self._there(id_)
            if current is None:
                raise nothing_there(f"{TYPE}/{id_}", document, about=(TYPE, id_))
            if content_of(current.body)["status"] != "current":
                raise Conflict(f"`{current.address}` has been replaced already")
            found.append(current)
        return found

    def masked_with(self, document: Resource, replaced: Sequence[Version]) -> dict[str, Any]:
        """`document` with the mask of one that it replaces: the patient's will goes on."""
        masked = any(MASKED in flags(content_of(old.body)) for old in replaced)
        return with_flags(document, frozenset({MASKED}), frozenset()) if masked else dict(document)

    def check_related(self, document: Resource, record: int) -> None:
        """Unprocessable when what a stored document relates to lies in another record."""
        for place, relation in enumerate(document.get("relatesTo", ())):
            target = local(relation["target"].get("reference", ""), self.house.base)
            other = self._there(target.id_) if target and target.type_ == TYPE else None
            if other is not None and other.record != record:
                raise Unprocessable(
                    f"`{other.address}` is in another record",
                    code="business-rule",
                    expression=f"{TYPE}.relatesTo[{place}].target",
                )

    def _literal(self, document: Resource, relations: Relations) -> list[dict[str, Any]]:
        contained = {f"#{one.get('id')}": one for one in document.get("contained", ())}
        found = []
        for place, relation in enumerate(relations):
            target = relation.get("target", {})
            where = f"{TYPE}.relatesTo[{place}].target"
            current = self._meant(target, contained, where)
            if current is None and relation.get("code") == REPLACES:
                raise _nothing(target, where, self.house.base)
            literal = {"reference": current.address, "type": TYPE} if current else {}
            found.append(dict(relation) | {"target": dict(target) | literal})
        return found

    def _meant(
        self, target: Resource, contained: Mapping[str, Resource], where: str
    ) -> Version | None:
        """The document a reference means: by its address, the identifier beside it, or those of
        the contained resource it leads to. Unprocessable where these say different things.
        """
        text = target.get("reference", "")
        inside = contained.get(text, {}) if text.startswith("#") else {}
        address = local(text, self.house.base)
        by_address = self._there(address.id_) if address and address.type_ == TYPE else None
        if text and not inside and by_address is None:
            return None
        named = [one for one in (target.get("identifier"), *_identifiers(inside)) if one]
        found = {v.id_: v for one in named for v in self._identified(one)}
        if by_address is not None:
            own = [_normal(one) for one in _identifiers(content_of(by_address.body))]
            own.append(normal(URN_SYSTEM, by_address.id_))  # the entryUUID may be the id
            if found.keys() - {by_address.id_} or any(_normal(one) not in own for one in named):
                raise _contradiction(where)
            return by_address
        if len(found) > 1:
            raise _contradiction(where)
        return next(iter(found.values()), None)

    def _identified(self, identifier: Resource) -> list[Version]:
        """The documents an identifier names: whose uniqueId it is comes before whose other it is.
        """
        found = self.documents_with(identifier) if identifier.get("value") else []
        unique = [
            one
            for one in found
            if _normal(content_of(one.body).get("masterIdentifier", {})) == _normal(identifier)
        ]
        return unique or found

    def _there(self, id_: str) -> Version | None:
        """A document that the caller sees or has written himself; from here on it may be referred
        to.
        """
        with self.asking("identifier"):
            current = self._read(TYPE, id_, None)
        if current is None or current.deleted:
            return None
        self.created.add((TYPE, id_))
        return current


def _escaped(part: str) -> str:
    for mark in ("\\", ",", "|", "$"):
        part = part.replace(mark, "\\" + mark)
    return part


def _identifiers(document: Resource) -> Iterator[Resource]:
    if "masterIdentifier" in document:
        yield document["masterIdentifier"]
    yield from document.get("identifier", ())


def _normal(identifier: Resource) -> tuple[str, str]:
    return normal(str(identifier.get("system", "")), str(identifier.get("value", "")))


def _targets(relations: Relations) -> set[str]:
    return {one["target"]["reference"] for one in relations if one.get("code") == REPLACES}


def _meaning(relation: Resource) -> tuple[Any, Any]:
    """Code and target, to compare relations."""
    target = relation["target"]
    return relation.get("code"), target.get("reference") or _normal(target.get("identifier", {}))


def _nothing(target: Resource, where: str, base: str) -> FhirError:
    named = target.get("reference") or target.get("identifier", {}).get("value") or TYPE
    address = local(target.get("reference", ""), base)
    refusal = nothing_there(str(named), about=(address.type_, address.id_) if address else None)
    refusal.expression = where
    return refusal


def _contradiction(where: str) -> FhirError:
    return Unprocessable(
        "reference and identifiers of this target name different documents",
        code="business-rule",
        expression=where,
    )
