"""What FHIR lets you do, one file each: https://hl7.org/fhir/R4/http.html"""
