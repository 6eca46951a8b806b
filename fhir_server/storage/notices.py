"""Notices put down in the transaction of what they tell.

The id of a notice is made from what it is about, with the secret of this server: what has been told
is not told twice, however many try at once, and nobody guesses it.
"""

from hashlib import blake2b
from typing import Any
from uuid import UUID

from fhir_server.fhir.json_format import write as write_json
from fhir_server.policy.notices import notice
from fhir_server.search.extract import extract
from fhir_server.storage import write
from fhir_server.storage.engine import Session
from fhir_server.storage.write import Facts, New

# Who reads what is masked reads a notice: neither care team nor emergency.
FOR_FEW = Facts(masked=True)
FOR_FEW_AND_NO_REPRESENTATIVE = Facts(masked=True, veiled_representatives=True)


def notice_id(secret: bytes, *about: object) -> str:
    digest = blake2b(repr(about).encode(), key=secret[:64], digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


def tell(
    session: Session,
    kind: str,
    *,
    secret: bytes,
    base: str,
    record: int,
    now: int,
    about: object,
    said: str = "",
    doctor: bool = False,
    facts: Facts = FOR_FEW,
) -> bool:
    """Tell the holder of this record, and with `doctor` his attending doctors, each by a notice of
    his own; False where all that has been told. `about`: what makes it another notice.
    """
    (patient,) = session.rows(
        "SELECT patient FROM record WHERE number = :record", {"record": record}
    )[0]
    recipients: list[dict[str, Any]] = [{"reference": f"Patient/{patient}"}]
    if doctor:
        recipients += _doctors(session, record, now)
    told = False
    for recipient in recipients:
        id_ = notice_id(secret, kind, record, about, sorted(map(repr, recipient.items())))
        resource = notice(
            kind, id_=id_, patient=patient, recipient=recipient, now=now, said=said
        )
        body = write_json(resource)
        new = New(record, "Communication", id_, 1, now, "POST", body, facts=facts)
        index = extract(resource, base=base, registry=session.registry)
        told |= write.insert(session, new, index, base=base) is not None
    return told


def _doctors(session: Session, record: int, now: int) -> list[dict[str, Any]]:
    rows = session.rows(
        "SELECT DISTINCT actor FROM relation WHERE record = :record AND kind = 'attending'"
        " AND since <= :now AND until > :now ORDER BY actor",
        {"record": record, "now": now},
    )
    parts = [actor.partition("|") for (actor,) in rows]
    return [{"identifier": {"system": system, "value": value}} for system, _, value in parts]
