"""`sidecars tunnel listen`: the server for a session on another machine, and the client that dials in from there.

`run.py` starts the server, `server.py` is the module to read first. Pure modules are apart from those with I/O:
`settings.py`, `admission.py` and `frames.py` do no input or output. `client.py` runs on the other machine, on any
Python from 3.6 on; `bundle.py` makes it one file, with the modules that both ends share.
"""
