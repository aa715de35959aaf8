"""Reports errors to Sentry, where a DSN is given: never with bodies, local variables or personal data.

Only what is named here is reported: Sentry's own choice would report our arguments too, the DSN among them, and add its
headers to the requests that we make.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber

from amalthea import __version__

_SECRET = [name for name in DEFAULT_DENYLIST if name != "session"]
"""Names whose values are left out. A session in our sense is not a cookie."""

P = ParamSpec("P")
T = TypeVar("T")


def set_up(dsn: str, *, environment: str, release: str, traces_sample_rate: float) -> None:
    """Report what is logged as an error, and what is not caught.

    Raises:
        ValueError: the DSN is not a DSN.
    """
    sentry_sdk.init(
        dsn=dsn,
        environment=environment or None,
        release=release or f"amalthea@{__version__}",
        traces_sample_rate=traces_sample_rate,
        include_local_variables=False,
        max_request_body_size="never",
        event_scrubber=EventScrubber(_SECRET, recursive=True),
        default_integrations=False,
        integrations=[LoggingIntegration(), ExcepthookIntegration(), DedupeIntegration(), AtexitIntegration()],
    )


def traced(work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return the same work, a part of whose passes is traced: how long each took, and nothing of what it was given."""

    @wraps(work)
    async def traced_work(*args: P.args, **kwargs: P.kwargs) -> T:
        with sentry_sdk.new_scope(), sentry_sdk.start_transaction(op="reconcile", name=work.__qualname__):
            return await work(*args, **kwargs)

    return traced_work
