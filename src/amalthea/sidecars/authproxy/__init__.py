"""`sidecars proxy serve`, the door of a session: it lets in who holds the key, and tells when somebody worked.

It is HAProxy: the program here checks the settings, writes HAProxy's configuration and becomes HAProxy.
"""
