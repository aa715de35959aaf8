"""The programs in a session's pod beside the session: one sub-package each, nothing of the operator in them.

`main.py` is their command tree; a program's package is imported only when it runs, so that each starts fast.
"""
