"""What stored resources say of people is read anew: days without an hour are days of Paris. And who
declared a consent or composed a team is no author in the record (`facts.ownership`).
"""

from alembic import op

from fhir_server.fhir.dates import EARLIEST, LATEST
from fhir_server.storage.condition import BITS
from fhir_server.storage.migrations.lying import RELATION, Lying, do, relate, resources

revision = "0008"
down_revision = "0007"

# An identifier stands on a line of its own among the owners of a row.
OWNS = "{position}(d.owners, '\n' || x.actor || '\n') > 0"
NO_AUTHORS = (
    "DELETE FROM relation AS x WHERE x.kind = 'author' AND NOT EXISTS (SELECT 1 FROM resource d"
    " WHERE d.record = x.record AND d.type <> 'Consent' AND {owns})"
)


def upgrade() -> None:
    do("UPDATE resource SET owners = '' WHERE type IN ('CareTeam', 'RelatedPerson')")
    declared = "SELECT record, owners FROM resource WHERE type = 'Consent' AND owners <> ''"
    everybody = {
        (record, owner)
        for record, owners in Lying().rows(declared, {})
        for owner in owners.split("\n")[1:-1]
    }
    for record, owner in sorted(everybody):
        do(
            RELATION, record=record, actor=owner, kind="declarer", bit=BITS["declarer"],
            since=EARLIEST, until=LATEST, source="",
        )  # fmt: skip
    position = "strpos" if op.get_bind().dialect.name == "postgresql" else "instr"
    do(NO_AUTHORS.format(owns=OWNS.format(position=position)))
    for type_ in ("CareTeam", "Consent", "RelatedPerson"):
        for id_, record, resource in resources(type_):
            relate(f"{type_}/{id_}", record, resource)
