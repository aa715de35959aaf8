"""Errors that end a cloner. All of their texts are one sentence, for a researcher, and hold no secret."""


class Misconfigured(Exception):  # noqa: N818  (named by what happened, as all here)
    """A setting that cannot be used. Names the flag, variable or file, and the remedy; exit code 2."""


class CloneFailed(Exception):  # noqa: N818
    """A repository that could not be cloned, for good or after the last try. Says why, and what to do."""


class GitFailed(Exception):  # noqa: N818
    """One git command failed. Holds what git wrote, for `git_failures` to judge: never shown as it is."""

    def __init__(self, said: str) -> None:
        super().__init__("git failed")
        self.said = said


class Stopped(BaseException):
    """The pod is being stopped (SIGTERM). Passes everything that handles errors; exit code 0."""
