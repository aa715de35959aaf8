"""`sidecars tunnel listen`: the server for a session on another machine, and the client that dials in from there.

`run.py` starts the server, `server/server.py` is the module to read first. Pure modules are apart from those with I/O:
`server/settings.py`, `server/admission.py` and `wire/frames.py` do no input or output. `client/client.py` runs on the
other machine, on any Python from 3.6 on; `bundle.py` makes it one file, with the modules that both ends share.
"""
