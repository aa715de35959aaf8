"""Everything that the operator counts and logs, and who may read its metrics."""
