"""One line of the trail, as small as it can be: written in the transaction of the answer, read as
an AuditEvent later.

R.1111-43 CSP: date, time and identification of who consulted or fed the record.
"""

import msgspec

from fhir_server.policy.subject import Subject


MAX_REASON = 2_000  # characters of the reason of a break-glass


class Note(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """Who did what to what, and how it ended; the time, the record and the rules stand beside it in
    the trail.
    """

    actor: str
    identifier: str
    name: str
    organization: str
    organization_name: str
    roles: tuple[tuple[str, str], ...]
    purpose: str
    reason: str
    client: str
    token_id: str
    secret: bool
    interaction: str  # code of http://hl7.org/fhir/restful-interaction, or operation
    type_: str  # resource type, or ""
    id_: str
    # what was asked, as the caller wrote it (`form.asked`); kept where no resource can be named
    asked: str
    status: int
    request_id: str
    detail: tuple[tuple[str, str], ...] = ()  # type and value, such as old and new labels
    address: str = ""  # of the network, from where the connection came

    @property
    def refused(self) -> bool:
        return self.status >= 400


def note_of(
    subject: Subject,
    *,
    interaction: str,
    type_: str = "",
    id_: str = "",
    asked: str = "",
    status: int,
    request_id: str,
    detail: tuple[tuple[str, str], ...] = (),
    address: str = "",
) -> Note:
    return Note(
        subject.actor,
        subject.identifier,
        subject.name,
        subject.organization,
        subject.organization_name,
        tuple((role.system, role.code) for role in subject.roles),
        subject.purpose,
        subject.reason[:MAX_REASON],
        subject.client,
        subject.token_id,
        subject.secret,
        interaction,
        type_,
        id_,
        asked,
        status,
        request_id,
        detail,
        address,
    )


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Note)


def write(note: Note) -> bytes:
    return _ENCODER.encode(note)


def read(data: bytes) -> Note:
    return _DECODER.decode(data)
