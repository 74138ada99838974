"""Who may come to a main process, and what they may do.

Give these to `mainproc.run` and `mainproc.serve`, or to `mainproc run` as options.
"""

from __future__ import annotations

from mainproc.address import CannotListen, InsecureAddress
from mainproc.security.authenticator import Authenticate
from mainproc.security.files import InvalidFile
from mainproc.security.identity import Credentials, Identity
from mainproc.security.policy import Policy
from mainproc.security.rules import Action, Rule
from mainproc.security.tls import TLS

__all__ = (
    "TLS",
    "Action",
    "Authenticate",
    "CannotListen",
    "Credentials",
    "Identity",
    "InsecureAddress",
    "InvalidFile",
    "Policy",
    "Rule",
)
