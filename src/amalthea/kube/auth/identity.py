"""The identity in a kubeconfig's user entry: a client certificate, a token, a token file or a plugin.

Unsupported fields are refused by name: ignoring one would give us another identity than the file says.
"""

import base64
import ssl
from typing import Any

from amalthea.engine.ports import Clock
from amalthea.kube.auth import tls
from amalthea.kube.auth.credentials import ConfigError, Credentials, GivenToken, TokenFile
from amalthea.kube.auth.kubeconfig import Cluster, Entry, Exec, User
from amalthea.kube.auth.plugin import API_VERSIONS, Plugin, PluginCredentials


def present_certificate(user: Entry[User], context: ssl.SSLContext) -> None:
    """Let `context` present the user's client certificate, if there is one.

    Raises:
        ConfigError: it cannot be used.
    """
    said = user.value
    certificate, key = said.client_certificate_data, said.client_key_data
    if not certificate and said.client_certificate:
        certificate = user.read("client-certificate", said.client_certificate)
    if not key and said.client_key:
        key = user.read("client-key", said.client_key)
    if not certificate:
        return
    if not key:
        raise ConfigError(f"{user.where}: client-certificate is set, but client-key is not")
    try:
        tls.present(context, certificate, key)
    except ssl.SSLError as error:
        raise ConfigError(f"{user.where}: client-certificate and client-key: {error.reason}") from None


def credentials(
    user: Entry[User], cluster: Entry[Cluster], context: ssl.SSLContext | None, clock: Clock
) -> Credentials:
    """Return what signs the user's requests.

    Raises:
        ConfigError: it cannot be used.
    """
    said = user.value
    _refuse_unknown(user)
    if said.token_file:
        return TokenFile(user.folder / said.token_file, clock)
    if said.token:
        return GivenToken(said.token)
    if said.exec is not None:
        return PluginCredentials(_plugin(user, said.exec, cluster), context, clock)
    return GivenToken()


def _refuse_unknown(user: Entry[User]) -> None:
    said = user.value
    unknown = {
        "username": said.username,
        "auth-provider": said.auth_provider,
        "as": said.as_user,
        "as-uid": said.as_uid,
        "as-groups": said.as_groups,
    }
    for field, value in unknown.items():
        if value:
            raise ConfigError(f"{user.where}: {field} is not supported")


def _plugin(user: Entry[User], said: Exec, cluster: Entry[Cluster]) -> Plugin:
    where = f"{user.where}: exec"
    if said.api_version not in API_VERSIONS:
        raise ConfigError(f"{where}.apiVersion: {said.api_version!r} is not one of {', '.join(API_VERSIONS)}")
    if said.interactive_mode == "Always":
        raise ConfigError(f"{where}.interactiveMode: Always: nobody is here to answer")
    # A command with a slash is meant relative to its file, as kubectl does; one without is looked up in PATH.
    command = str(user.folder / said.command) if "/" in said.command else said.command
    return Plugin(
        where=where,
        api_version=said.api_version,
        command=command,
        arguments=tuple(said.args or ()),
        environment=tuple((variable.name, variable.value) for variable in said.env or ()),
        install_hint=said.install_hint,
        cluster=_cluster_info(cluster) if said.provide_cluster_info else None,
    )


def _cluster_info(cluster: Entry[Cluster]) -> dict[str, Any]:
    said = cluster.value
    authorities = said.certificate_authority_data
    if not authorities and said.certificate_authority:
        authorities = cluster.read("certificate-authority", said.certificate_authority)
    info = {
        "server": said.server,
        "tls-server-name": said.tls_server_name,
        "insecure-skip-tls-verify": said.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authorities).decode(),
        "proxy-url": said.proxy_url,
    }
    return {name: value for name, value in info.items() if value}
