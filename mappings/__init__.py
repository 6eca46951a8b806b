"""From one form to another: CDA, XDS, FHIR; identifiers, code tables. Pure: no web, no database.

Both directions of a table stand together in one file. `codes/*.csv` hold facts alone (codes,
labels, OIDs); each line names its source in the nomenclatures of the French health agency (NOS,
https://mos.esante.gouv.fr/NOS/).
"""
