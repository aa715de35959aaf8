"""oauth2-proxy's configuration for `oidc` authentication: the two files in the session's internal secret.

The provider's values stay in the user's secret: oauth2-proxy takes them from its environment. Byte by byte what the
Go operator writes, but for the time limit of the upstream.
"""

import json
import re
import tomllib

from amalthea.api import names
from amalthea.children.shared import url
from amalthea.children.shared.subject import Subject

EMAILS_FILE = "/authorized_emails"
PATIENCE = "24h"
"""The time that oauth2-proxy waits for the session's answer to begin, the same as authproxy behind it. Its default is
30 s: then the export of a large notebook, or a query that takes a minute, ends with 502."""

_ALPHA = """\
providers:
    - clientID: ${{OIDC_CLIENT_ID}}
      clientSecret: ${{OIDC_CLIENT_SECRET}}
      id: amalthea-oidc
      oidcConfig:
        audienceClaims:
            - aud
        emailClaim: email
        insecureAllowUnverifiedEmail: ${{ALLOW_UNVERIFIED_EMAILS}}
        insecureSkipNonce: false
        issuerURL: ${{OIDC_ISSUER_URL}}
      provider: oidc
server:
    bindAddress: 0.0.0.0:{entry}
upstreamConfig:
    upstreams:
        - id: amalthea-upstream
          insecureSkipTLSVerify: true
          passHostHeader: true
          path: {prefix}
          proxyWebSockets: true
          timeout: {patience}
          uri: http://127.0.0.1:{second}
"""
_PLAIN_SCALAR = re.compile(r"[/\w.~-]+", re.ASCII)
"""Paths that YAML takes for the text that they are, without quotes."""


def alpha_config(subject: Subject) -> str:
    """Return the YAML file: provider, address and upstream."""
    prefix = url.path_prefix(subject.spec.ingress)
    return _ALPHA.format(
        entry=names.PORT_ENTRY,
        second=names.PORT_SECOND_PROXY,
        patience=PATIENCE,
        prefix=prefix if _PLAIN_SCALAR.fullmatch(prefix) else _quoted(prefix),
    )


def proxy_config(subject: Subject, cookie_secret: str) -> str:
    """Return the TOML file: cookies, redirection, and the users who are let in.

    Without an Ingress the redirect URL has no host; oauth2-proxy then takes the one that the request names.
    """
    ingress, prefix = subject.spec.ingress, url.path_prefix(subject.spec.ingress)
    origin = url.origin(ingress, subject.settings) if ingress is not None else ""
    lines = (
        "session_cookie_minimal = true",
        "skip_provider_button = true",
        f"redirect_url = {_quoted(f'{origin}{prefix}oauth2/callback')}",
        f"cookie_path = {_quoted(prefix)}",
        f"proxy_prefix = {_quoted(f'{prefix}oauth2')}",
        f"authenticated_emails_file = {_quoted(EMAILS_FILE)}",
        f"cookie_secret = {_quoted(cookie_secret)}",
    )
    return "\n".join(lines)


def cookie_secret(proxy_config: str) -> str | None:
    """Return the cookie secret that a stored TOML file holds; None if it holds none."""
    try:
        secret = tomllib.loads(proxy_config).get("cookie_secret")
    except tomllib.TOMLDecodeError:
        return None
    return secret if isinstance(secret, str) and secret else None


def _quoted(text: str) -> str:
    """Return the text in double quotes, as JSON, TOML and YAML alike read it."""
    return json.dumps(text, ensure_ascii=False)
