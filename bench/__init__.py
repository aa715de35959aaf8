"""The benchmark: many sessions on fake nodes through create, idle, hibernate, resume and delete, counted and timed."""
