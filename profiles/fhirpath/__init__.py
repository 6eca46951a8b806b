"""FHIRPath on the R4 type tables: tokens, syntax tree, and the paths of search parameters as
Python closures.

http://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpath.html
"""
