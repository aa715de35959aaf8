"""`sidecars gitproxy proxy`: git's proxy in a session, which adds the user's tokens to requests for their repositories.

`run.py` starts it, `proxy.py` is the page to read first. What only thinks is apart from what talks: `settings.py`,
`rules/` and `http1.py` do no input or output.
"""
