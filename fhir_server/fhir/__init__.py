"""The words of FHIR: formats, errors, bundles, references, dates, headers. Pure."""
