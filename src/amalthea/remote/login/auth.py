"""The three ways to obtain FirecREST's token, chosen by RSC_AUTH_KIND."""

from dataclasses import dataclass, field

from amalthea.remote.clock import Clock
from amalthea.remote.login.client_credentials import ClientCredentials
from amalthea.remote.login.renku import ByRenku, Client, Kept, Pair
from amalthea.remote.login.tokens import Giver
from amalthea.remote.requests.exchange import Exchange
from amalthea.remote.settings import Options

_NEEDED = {
    "client_credentials": ("auth-token-uri", "auth-firecrest-client-id", "auth-firecrest-client-secret"),
    "renku": (
        *("auth-token-uri", "auth-renku-refresh-token", "auth-renku-token-uri"),
        *("auth-renku-client-id", "auth-renku-client-secret"),
    ),
    "renku_v2": (
        *("auth-token-uri", "auth-renku-access-token", "auth-renku-refresh-token"),
        "auth-renku-token-uri",
    ),
}
"""The flags that each kind needs."""


@dataclass(frozen=True)
class Access:
    """The token issuer; `renku` is the same one where it has a pair that must be kept alive."""

    give: Giver
    renku: ByRenku | None = field(default=None)


def problem(options: Options) -> str:
    """Return what is wrong with the settings, with the remedy; empty if nothing is."""
    kind = options.get("auth-kind")
    if kind not in _NEEDED:
        return f"RSC_AUTH_KIND is not a known kind; set it to one of {', '.join(_NEEDED)}."
    if missing := options.missing(*_NEEDED[kind]):
        return f"RSC_AUTH_KIND is {kind}, which needs {missing}; set what is missing."
    return ""


async def access(options: Options, exchange: Exchange, clock: Clock, kept: Kept) -> Access:
    """Return the token issuer for settings without a problem."""
    get = options.get
    if get("auth-kind") == "client_credentials":
        client_id, secret = get("auth-firecrest-client-id"), get("auth-firecrest-client-secret")
        return Access(ClientCredentials(exchange, clock, get("auth-token-uri"), client_id, secret))
    client = Client(get("auth-renku-token-uri"))
    if get("auth-kind") == "renku":
        client = Client(client.uri, get("auth-renku-client-id"), get("auth-renku-client-secret"))
    renku = ByRenku(exchange, clock, client, get("auth-token-uri"), kept)
    await renku.begin(Pair(get("auth-renku-access-token"), get("auth-renku-refresh-token")))
    return Access(renku, renku)
