"""`sidecars proxy serve`, the door of a session: it admits holders of the key, and reports when somebody worked.

It is HAProxy: the program here checks the settings, writes HAProxy's configuration and becomes HAProxy.
"""
