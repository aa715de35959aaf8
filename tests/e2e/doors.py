"""Sessions with doors of each kind, one beside the other on one host, each below a path of its own."""

from dataclasses import dataclass

from tests.e2e.pages import page_of
from tests.e2e.specs import STARTS, Spec, opened_at
from tests.support.issuer import CLIENT, CLIENT_SECRET, Issuer
from tests.support.world import World

OWN_CONFIGURATION = """\
provider = "oidc"
oidc_issuer_url = "{issuer}"
client_id = "{client}"
client_secret = "{secret}"
redirect_url = "http://{host}{prefix}/oauth2/callback"
proxy_prefix = "{prefix}/oauth2"
cookie_path = "{prefix}/"
cookie_name = "of_my_own"
cookie_secret = "0123456789abcdef"
email_domains = ["example.org"]
skip_provider_button = true
"""


@dataclass(frozen=True)
class Doors:
    """The doors of one host. Each session has a secret of its own name."""

    world: World
    issuer: Issuer
    host: str
    port: int

    def provider(self) -> dict[str, str]:
        """Return what the secret of an `oidc` session holds: Ada may come in."""
        return {
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_ISSUER_URL": self.issuer.url,
            "AUTHORIZED_EMAILS": "ada@example.org",
            "ALLOW_UNVERIFIED_EMAILS": "false",
        }

    def oidc(self, name: str) -> str:
        """Start a session that Ada may open, and return its URL."""
        self.world.secret(name, **self.provider())
        return self.start(name, {"type": "oidc", "secretRef": {"name": name}})

    def own(self, name: str) -> str:
        """Start a session whose user brought a configuration of oauth2-proxy, and return its URL."""
        self.world.secret(name, file=self.own_configuration(name))
        return self.start(name, {"type": "oauth2proxy", "secretRef": {"name": name, "key": "file"}})

    def own_configuration(self, name: str) -> str:
        """Return what such a user wrote."""
        values = {"issuer": self.issuer.url, "client": CLIENT, "secret": CLIENT_SECRET, "host": self.host}
        return OWN_CONFIGURATION.format(prefix=f"/sessions/{name}", **values)

    def token(self, name: str) -> str:
        """Start a session that its own name opens as a token, and return its URL."""
        self.world.secret(name, auth=f"token: {name}")
        return self.start(name, {"type": "token", "secretRef": {"name": name, "key": "auth"}})

    def start(self, name: str, authentication: Spec) -> str:
        """Create a session whose secret is there, and return its URL."""
        prefix = f"/sessions/{name}"
        self.issuer.redirect_uris.add(f"http://{self.host}{prefix}/oauth2/callback")
        spec = {**opened_at(name, urlPath=prefix), "ingress": {"host": self.host, "pathPrefix": prefix}}
        self.world.session(name, {**spec, "authentication": authentication})
        return f"http://{self.host}{prefix}/"

    def wait(self, name: str, answer_to_strangers: int = 302) -> None:
        """Return when a session runs, and its door answers."""
        page = page_of(self.world.wait_for_state(name, "Running", STARTS), self.port)
        page.wait_for(lambda answer: answer.status == answer_to_strangers)
