"""Real last words of git, ssh and git-lfs: the user learns the cause, and only what may pass is tried again."""

import pytest

from amalthea.sidecars.cloner.process import git_failures

DOING = "Cloning https://h.org/a"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("fatal: Authentication failed for 'https://h.org/a/'", "refuses access"),
        ("fatal: could not read Username for 'https://h.org': terminal prompts disabled", "refuses access"),
        ("fatal: unable to access 'https://h.org/a/': The requested URL returned error: 403", "refuses access"),
        ("remote: Repository not found.\nfatal: repository 'https://h.org/a/' not found", "no such repository"),
        ("fatal: '/a' does not appear to be a git repository", "no such repository"),
        ("git@h.org: Permission denied (publickey).\nfatal: Could not read from remote repository.", "private key"),
        ('Load key "/tmp/x/key": error in libcrypto\ngit@h.org: Permission denied (publickey).', "private key"),
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "host key is not the known one",
        ),
        ("fatal: write error: No space left on device\nfatal: index-pack failed", "storage is full"),
        ("fatal: unable to access 'https://h.org/a/': server certificate verification failed. CAfile: none", "trusted"),
        ("server verification failed: certificate has expired. (CAfile: none)", "has expired"),
        ("SSL: certificate subject name (git) does not match target hostname 'h.org'", "another server's certificate"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "as caCertificates to"),
        ("error: index-pack died of signal 9\nfatal: index-pack failed", "ran out of memory"),
        (
            "batch response: This repository is over its data quota. Account responsible for LFS",
            "quota for large files",
        ),
        ("[404] Object does not exist on the server: [404] Object does not exist", "lacks one of its large files"),
        ("fatal: remote error: upload-pack: not our ref 1234", "names a commit that its server does not have"),
        ("fatal: could not create work tree dir '/w/.a.cloning': Permission denied", "cannot be written"),
        ("Read-only file system", "cannot be written"),
        ("fatal: something new", "see the log of this container for git's messages"),
        ("", "see the log of this container for git's messages"),
    ],
)
def test_what_stays_wrong_is_not_tried_again(said: str, cause: str) -> None:
    failure = git_failures.judge(said, DOING)

    assert failure.message.startswith(f"{DOING} failed")
    assert cause in failure.message
    assert not failure.transient


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("fatal: unable to access 'https://h.org/a/': Could not resolve host: h.org", "name of its server"),
        ("ssh: Could not resolve hostname h.org: Name or service not known", "name of its server"),
        ("fatal: unable to access 'https://h.org/a/': Failed to connect to h.org port 443", "cannot be reached"),
        ("ssh: connect to host h.org port 22: Connection refused\nfatal: Could not read", "cannot be reached"),
        (
            "error: RPC failed; curl 18 transfer closed\nfatal: early EOF\nfatal: fetch-pack: invalid",
            "cannot be reached",
        ),
        ("error: RPC failed; curl 28 Operation too slow. Less than 1000 bytes/sec transferred", "cannot be reached"),
        ("error: RPC failed; curl 56 recv error\nerror: 584 bytes of body are still expected", "cannot be reached"),
        ("error: 404 bytes of body are still expected\nfatal: early EOF", "cannot be reached"),
        ("fatal: the remote end hung up unexpectedly", "cannot be reached"),
        ("error: RPC failed; HTTP 503 curl 22 The requested URL returned error: 503", "overloaded"),
        ("fatal: unable to access 'https://h.org/a/': The requested URL returned error: 429", "overloaded"),
        ("error: RPC failed; result=22, HTTP code = 502", "overloaded"),
        ("batch response: Fatal error: Server error: HTTP 500", "overloaded"),
    ],
)
def test_what_may_pass_is_tried_again(said: str, cause: str) -> None:
    failure = git_failures.judge(said, DOING)

    assert cause in failure.message
    assert failure.transient


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Cloning into '/w/.certificates.cloning'...\nfatal: early EOF", "cannot be reached"),
        (
            "fatal: unable to access 'https://h.org/certificates.git/': Could not resolve host: h.org",
            "name of its server",
        ),
        ('Post "https://h.org/out of memory": dial tcp: connection refused', "cannot be reached"),
        ("batch request: https://h.org/certificate/info/lfs: connection reset by peer", "cannot be reached"),
        ("ssl: certificate doesn't match 'timeout.h.org'", "another server's certificate"),
        ("fatal: repository 'https://h.org/EOF/' not found", "no such repository"),
    ],
)
def test_a_cause_is_not_read_out_of_the_name_of_a_repository(said: str, cause: str) -> None:
    assert cause in git_failures.judge(said, DOING).message


@pytest.mark.parametrize(
    ("line", "logged"),
    [
        ("fatal: 'https://me:hush@h.org/a' not found", "fatal: 'https://h.org/a' not found"),
        ("remote: \x1b[31mred\x07", "remote: [31mred"),
        ("Receiving objects: 100% (3/3), done.   ", "Receiving objects: 100% (3/3), done."),
    ],
)
def test_a_line_for_the_log_holds_no_password_and_steers_no_terminal(line: str, logged: str) -> None:
    assert git_failures.harmless(line) == logged
