"""What is valid: the FHIR R4 (4.0.1) tables and the checks that read them. Pure: no web, no
database, no network.

`r4/*.json` are compiled by `python -m profiles.compile FOLDER` from the definitions that HL7
publishes (CC0,
https://hl7.org/fhir/R4/downloads.html); only facts are kept (paths, types, cardinalities, bindings,
codes, expressions), no prose.
"""
