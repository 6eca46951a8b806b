"""CDA documents (HL7 CDA R2, French CI-SIS header) and what a health record must know of them."""
