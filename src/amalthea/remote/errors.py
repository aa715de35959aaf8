"""The errors of requests to another machine. Each message is for the session's user and holds no secret.

RemoteError
├── Unavailable     nobody could be asked, or the answer cannot be read: the same question later
└── Refused         the answer is no, and will be: the user has to change something
    ├── NotFound    what was asked for is not there
    └── Doubtful    the answer is no, but it may have been done all the same
"""
# ruff: noqa: N818 an exception is named by what happened


class RemoteError(Exception):
    """A request without a useful answer."""


class Unavailable(RemoteError):
    """The service could not be asked now. That says nothing about the job."""


class Refused(RemoteError):
    """A refusal: the same request will have the same answer."""


class NotFound(Refused):
    """The thing that was asked for is not there."""


class Doubtful(Refused):
    """A refusal that may have come after what was asked for was done."""
