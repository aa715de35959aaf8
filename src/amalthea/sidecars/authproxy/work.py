"""Notes which requests are somebody's work, and when the last one was; `work.lua` reports open WebSockets.

A person navigates, or changes something: what an open page asks by itself is not work.
"""

POLLING = (
    "path -m end /events/get_events",
    "path -m sub /lab/api/workspaces/",
    "path -m reg '^(?=.*?/git/).*/(?:status|branch|tags|submodules|changed_files|remote/fetch)$'",
)
"""The requests that an open tab repeats by itself: RStudio's wait for events, JupyterLab's layout of its panels, and
jupyterlab-git's look at the repository, whose path newer versions put in between.
"""


def rules() -> list[str]:
    """Note the times, of work only once the session has answered: a page that waits for it is not work."""
    changing = " ".join(["{ method POST PUT PATCH DELETE }", *(f"!{{ {each} }}" for each in POLLING)])
    return [
        "http-request set-var(proc.last_request) date",
        "http-request set-var(txn.work) bool(true) if navigation",
        f"http-request set-var(txn.work) bool(true) if {changing}",
        "http-response set-var(txn.answered) bool(true)",
        "http-response set-var(proc.last_request) date",
        "http-response set-var(proc.last_work) date if { var(txn.work) -m bool }",
        # What HAProxy itself ended (P) is an answer that it could not read: that stays 502.
        "acl unreadable txn.sess_term_state -m beg P",
        "http-after-response set-status 503 if { status 502 504 } !{ var(txn.answered) -m bool } !unreadable",
    ]
