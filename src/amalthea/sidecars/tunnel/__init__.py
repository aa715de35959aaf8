"""`sidecars tunnel listen`: where a session on another machine dials in, and the client that dials from there.

`run.py` starts the server, `server.py` is the page to read first. What only thinks is apart from what talks:
`settings.py`, `admission.py` and `frames.py` do no input or output. `client.py` runs on the other machine, on any
Python from 3.6 on; `bundle.py` makes it one file, with the modules that both ends share.
"""
