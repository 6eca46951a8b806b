"""Operations: what is offered (`table`), how they are called (`arguments`), what each does.

https://hl7.org/fhir/R4/operations.html
"""
