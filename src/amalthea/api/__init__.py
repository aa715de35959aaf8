"""The definition of a session: fields, names, reasons, and the operator's settings. Imports nothing of the project."""
