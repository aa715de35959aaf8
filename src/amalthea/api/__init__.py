"""What a session is: fields, names, reasons, and the operator's settings. Imports nothing of the project."""
