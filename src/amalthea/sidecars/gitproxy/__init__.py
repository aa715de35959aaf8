"""`sidecars gitproxy proxy`: git's proxy in a session, which adds the user's tokens to requests for their repositories.

`run.py` starts it, `proxy.py` is the module to read first. Pure modules are apart from those with I/O: `settings.py`,
`rules/` and `../http/http1.py` do no input or output.
"""
