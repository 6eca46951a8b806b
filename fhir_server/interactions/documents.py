"""Documents: what a deposit must fit, what is derived from a CDA header, where the bytes go.

IHE MHD ITI-65 and ITI-105, https://profiles.ihe.net/ITI/MHD/; design, `domain.md` 4 and 5.
"""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from typing import Any, Mapping

from fhir_server.auth.scopes import require
from fhir_server.fhir.formats import JSON, SPELLINGS, split
from fhir_server.fhir.http import Call
from fhir_server.fhir.json_format import write as write_json
from fhir_server.fhir.outcome import BadRequest, Conflict, NotAllowed, Unprocessable
from fhir_server.fhir.recognition import is_document
from fhir_server.interactions.body import check, check_ins, read_body
from fhir_server.interactions.context import Context
from fhir_server.interactions.inside import Said, check_agreement, recognised, said_by
from fhir_server.interactions.native import security_context
from fhir_server.policy.labels import CONFIDENTIALITY, flags
from fhir_server.storage.content import content_of
from fhir_server.storage.version import Version
from fhir_server.storage.writing import Draft, Writing, Written
from mappings.cda.documentreference import complete, submission_set
from mappings.identifiers import normal

NORMAL = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]
}

Resource = Mapping[str, Any]


def has_data(document: Resource) -> bool:
    return any("data" in content.get("attachment", {}) for content in document.get("content", ()))


def create_binary(call: Call, stored: Writing, context: Context) -> Written:
    """POST Binary, raw or as a resource. With the policy on bytes come with their document: 405."""
    if context.policed:
        raise NotAllowed("a Binary is deposited together with its document: ITI-65 or ITI-105")
    return stored.create(binary_body(call, context), context.new_id())


def binary_body(call: Call, context: Context, id_: str = "") -> Draft:
    """The Binary in a request: a resource in a format of FHIR, or the bytes as they are (of the
    resource `id_`).
    """
    media = call.header("content-type")
    if split(media)[0] in ("application/fhir+json", "application/fhir+xml"):
        sent = read_body(call, context).resource
        if sent["resourceType"] != "Binary":
            raise BadRequest(
                "only a Binary can be sent to `/Binary`", code="invalid"
            )
        check(sent, call, context)
        return binary_draft(sent)
    if not media:
        raise BadRequest("the request has no Content-Type", code="invalid")
    resource: dict[str, Any] = {"resourceType": "Binary"} | ({"id": id_} if id_ else {})
    resource |= {"contentType": media} | security_context(call, context.base)
    check(resource, Call(call.method, call.path), context)
    return Draft(resource, b"", media, call.body)


def binary_draft(resource: Resource) -> Draft:
    """A Binary resource as it lies: its bytes beside its text."""
    rest = {name: value for name, value in resource.items() if name != "data"}
    return Draft(
        rest, b"", resource.get("contentType", ""), decoded(resource.get("data", ""), "Binary.data")
    )


def decoded(text: str, expression: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except NotBase64 as problem:
        raise BadRequest(f"no base64: {problem}", code="value", expression=expression) from problem


@dataclass(frozen=True, slots=True)
class Bytes:
    """The content of a document on its way: the Binary or Bundle it will lie as, under `id_`, and
    its bytes.
    """

    draft: Draft
    id_: str
    data: bytes

    @classmethod
    def of(cls, resource: Resource, id_: str) -> "Bytes":
        """Of a Binary, or a Bundle that is a document itself; Unprocessable for another Bundle."""
        if resource["resourceType"] == "Binary":
            draft = binary_draft(resource)
            return cls(draft, id_, draft.data or b"")
        if not is_document(resource):
            text = "a Bundle that is kept is a document"
            raise Unprocessable(text, code="business-rule", expression="Bundle.type")
        return cls(Draft(dict(resource)), id_, write_json(resource))

    @property
    def address(self) -> tuple[str, str]:
        return self.draft.type_, self.id_

    def media(self, said: str) -> str:
        """The media type of the content, where the metadata say `said`: a Bundle has none of its
        own, and is answered in JSON and XML.
        """
        if self.draft.type_ == "Bundle":
            return JSON if said in SPELLINGS or not said else said
        own = self.draft.media
        if said and own and said != own:
            raise Unprocessable(
                f"`{said[:100]}` is not the type of the Binary, which is `{own[:100]}`",
                code="value",
                expression="DocumentReference.content[0].attachment.contentType",
            )
        return said or own


def publish(draft: Draft, stored: Writing, context: Context, document_id: str) -> Written:
    """ITI-105: the bytes inside the DocumentReference become a Binary, what is left out is derived,
    a List goes with it.
    """
    document = dict(draft.resource)
    attachment = dict(only_attachment(document))
    data = attachment.pop("data")
    binary: dict[str, Any] = {"resourceType": "Binary", "data": data}
    if "contentType" in attachment:
        binary["contentType"] = attachment["contentType"]
    bytes_ = Bytes.of(binary, context.new_id())
    document["content"] = [document["content"][0] | {"attachment": attachment}]
    done, _ = _published(document, bytes_, stored, context, document_id)
    return done


def publish_bundle(draft: Draft, stored: Writing, context: Context, id_: str) -> Written:
    """A FHIR document that comes alone, as a Bundle: its DocumentReference is derived, a List goes
    with it.
    """
    document = {
        "resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {}}],
    }  # fmt: skip
    bytes_ = Bytes.of(draft.resource, id_)
    done, content = _published(document, bytes_, stored, context, context.new_id())
    return replace(content, remarks=done.remarks)


def _published(
    document: dict[str, Any], bytes_: Bytes, stored: Writing, context: Context, document_id: str
) -> tuple[Written, Written]:
    """Forbidden where the token does not cover one of the three that are created."""
    for type_ in ("DocumentReference", "List"):
        require(context.subject, type_, "c")
    url = f"{context.base}/{'/'.join(bytes_.address)}"
    attachment = document["content"][0]["attachment"] | {"url": url}
    document["content"] = [document["content"][0] | {"attachment": attachment}]
    done, content = deposit(document, bytes_, stored, context, document_id=document_id)
    set_id = context.new_id()
    listed = submission_set(
        content_of(done.version.body),
        id_=set_id,
        source_id=context.subject.organization or context.base,
        when=done.version.last_updated,
    )
    if listed:
        stored.create(Draft(listed), set_id)
    return done, content


def only_attachment(document: Resource) -> dict[str, Any]:
    """The attachment of a document; Unprocessable where it has several contents: labels and facts
    are those of one.
    """
    if len(document["content"]) != 1:
        raise Unprocessable(
            "a document has one content",
            code="business-rule",
            expression="DocumentReference.content",
        )
    found: dict[str, Any] = document["content"][0]["attachment"]
    return found


def deposit(
    document: Resource, bytes_: Bytes, stored: Writing, context: Context, *, document_id: str
) -> tuple[Written, Written]:
    """Store a document and its bytes: the DocumentReference completed from the bytes, the Binary or
    Bundle with its facts.
    """
    require(context.subject, bytes_.draft.type_, "c")  # whatever entry or content it comes in
    attachment = only_attachment(document)
    if "data" in attachment:
        raise Unprocessable(
            "the bytes of a document are in it or beside it, not both",
            code="business-rule",
            expression="DocumentReference.content[0].attachment.data",
        )
    media, data = bytes_.media(attachment.get("contentType", "")), bytes_.data
    content = recognised(data, media, context)
    attachment = attachment | {"contentType": media or content.media}
    document = dict(document) | {"content": [document["content"][0] | {"attachment": attachment}]}
    said = said_by(content, data, context)
    made = completed(document, said)
    if bytes_.draft.type_ == "Binary":
        made = measured(made, data)
    check_ins(made, context)
    if said is not None and context.policed:
        own = document.get("relatesTo", [])
        made = stored.with_relations(made | {"relatesTo": own}, said.metadata.get("relatesTo", []))
    if said is None:
        stored.name_subject(made, "")
    else:
        stored.name_subject(made, said.ins, said.patient, said.reference)
    check_unique(made, stored)
    stored.created.add(bytes_.address)
    done = create_document(made, document_id, stored)
    lying = bytes_.draft
    if lying.type_ == "Binary":
        media = made["content"][0]["attachment"]["contentType"]
        lying = Draft({"resourceType": "Binary", "contentType": media}, b"", media, data)
    return done, stored.create_bytes(lying, bytes_.id_, done)


def create_document(document: dict[str, Any], id_: str, stored: Writing) -> Written:
    """Store a DocumentReference; what it replaces becomes superseded, gives it its mask and takes
    its flags (contract 7).
    """
    if not stored.house.rules:
        return stored.create(Draft(document), id_)
    document = stored.with_relations(document)
    replaced = stored.replaced(document)
    document = stored.masked_with(document, replaced)
    for old in replaced:
        stored.update(old, Draft(content_of(old.body) | {"status": "superseded"}), method="PATCH")
    done = stored.create(Draft(document), id_)
    stored.check_related(document, done.record)
    return done


def completed(document: Resource, said: Said | None) -> dict[str, Any]:
    """`document` with what the client left out and the content says; Unprocessable where they
    disagree. The stricter label counts.
    """
    made: dict[str, Any] = dict(document)
    if said is not None:
        check_agreement(document, said)
        made = complete(document, said.metadata)
    made.setdefault("securityLabel", [NORMAL])
    if not any(
        c.get("system") in CONFIDENTIALITY
        for label in made["securityLabel"]
        for c in label.get("coding", ())
    ):
        made["securityLabel"] = [NORMAL, *made["securityLabel"]]
    made.setdefault("status", "current")
    return made


def measured(document: Resource, data: bytes) -> dict[str, Any]:
    """`document` with hash and size of its bytes; Unprocessable where the client says others. (A
    Bundle has none: it is written anew for each reader.)
    """
    attachment = document["content"][0]["attachment"]
    digest = b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    _check_same(attachment, "size", len(data))
    _check_same(attachment, "hash", digest)
    whole = attachment | {"size": len(data), "hash": digest}
    return dict(document) | {"content": [document["content"][0] | {"attachment": whole}]}


def _check_same(attachment: Resource, name: str, measured: object) -> None:
    if name in attachment and attachment[name] != measured:
        raise Unprocessable(
            f"`{attachment[name]}` is not the {name} of the document, which is `{measured}`",
            code="value",
            expression=f"DocumentReference.content[0].attachment.{name}",
        )


def check_unique(document: Resource, stored: Writing) -> None:
    """Conflict when the uniqueId is in use, in any spelling, by a document the caller sees or
    wrote; for anyone else it is free. Unprocessable for one with blanks around it.
    """
    master = document.get("masterIdentifier", {})
    if not master.get("value"):
        return
    if master["value"] != master["value"].strip():
        raise Unprocessable(
            f"`{master['value'][:100]}` has blanks around it",
            code="value",
            expression="DocumentReference.masterIdentifier.value",
        )
    stored.lock(f"uniqueId {'|'.join(normal(str(master.get('system', '')), str(master['value'])))}")
    if stored.documents_with(master):
        raise Conflict(
            f"a document with the uniqueId `{str(master['value'])[:100]}` is stored already",
            expression="DocumentReference.masterIdentifier",
        )


def label_detail(current: Version, draft: Draft) -> tuple[tuple[str, str], ...]:
    """Old and new visibility labels, for the trail."""
    if current.type_ != "DocumentReference":
        return ()
    before, after = flags(content_of(current.body)), flags(draft.resource)
    return (
        ()
        if before == after
        else (("old-labels", " ".join(sorted(before))), ("new-labels", " ".join(sorted(after))))
    )
