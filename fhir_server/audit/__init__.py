"""What was done: notes for the trail, and the AuditEvent each becomes. Pure."""
