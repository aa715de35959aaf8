"""Errors to Sentry, where a DSN is given: never with bodies, local variables or anything of a person."""

import sentry_sdk


def set_up(dsn: str, *, environment: str, release: str, traces_sample_rate: float) -> None:
    """Report what is logged as an error, and what is not caught."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment or None,
        release=release or None,
        traces_sample_rate=traces_sample_rate,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )
