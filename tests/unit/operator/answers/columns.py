"""The answers that a request may meet, in the words of the API server, of webhooks and of proxies."""

from tests.support.wire import Answer

_RIGHT = 'is forbidden: User "system:serviceaccount:renku:amalthea" cannot do that in the namespace "team"'
_QUOTA = "is forbidden: exceeded quota: small, requested: count=1, used: count=9, limited: count=9"
_CAUSE = {"reason": "FieldValueInvalid", "field": "spec.ports", "message": 'Invalid value: "x": must be a number'}

ANSWERS = {
    "200, a page of a proxy": Answer(200, page=b'{"error": "log in"}'),
    "200, the answer to another request": Answer(
        200, page=b'{"kind": "ConfigMap", "metadata": {"name": "x", "namespace": "y", "resourceVersion": "99999"}}'
    ),
    "400, a webhook denies it": Answer(
        400, "BadRequest", 'admission webhook "policy.example.org" denied the request: not like this'
    ),
    "403, a right is missing": Answer(403, "Forbidden", _RIGHT),
    "403, a quota is used up": Answer(403, "Forbidden", _QUOTA),
    "404, the kind is not served": Answer(404, "NotFound", "the server could not find the requested resource"),
    "404, a webhook denies it": Answer(
        404, "NotFound", 'admission webhook "policy.example.org" denied the request: project "blue" not found'
    ),
    "409, a conflict": Answer(409, "Conflict", "the object has been modified"),
    "413, too large": Answer(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
    "422, with causes": Answer(422, "Invalid", 'is invalid: spec.ports: Invalid value: "x"', (_CAUSE,)),
    "422, a webhook denies it": Answer(
        422, "Invalid", 'admission webhook "policy.example.org" denied the request: not like this'
    ),
    "422, without causes": Answer(422, "Invalid", "the server rejected our request due to an error in our request"),
    "429, come back in a day": Answer(429, "TooManyRequests", "too many requests", retry_after="86400"),
    "500, a webhook is down": Answer(
        500,
        "InternalError",
        'Internal error occurred: failed calling webhook "policy.example.org": dial tcp 10.0.0.1:443: refused',
    ),
    "503, come back in a day": Answer(503, "ServiceUnavailable", "no upstream", retry_after="86400"),
    "the answer is lost": Answer(0, acts=True),
    "no answer in time": Answer(0, hangs=True),
}
