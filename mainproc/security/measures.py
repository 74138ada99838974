"""What a main process does about who may come in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import final

from mainproc.address import UNIX, check_exposure
from mainproc.config import TOKEN_FILE_VARIABLE
from mainproc.security import tls as tls_files
from mainproc.security.authenticator import Authenticate, Authenticator
from mainproc.security.policy import Policy
from mainproc.security.tls import TLS
from mainproc.security.tokens import Tokens


@final
@dataclass(frozen=True, slots=True)
class Measures:
    """What `serve` and `run` were told of it; nothing is read yet."""

    tls: TLS | None = None
    token_file: str | os.PathLike[str] | None = None
    authenticate: Authenticate | None = None
    insecure_plaintext_from_anywhere: bool = False
    policy: Policy | str | os.PathLike[str] | None = None

    def check(self, address: str) -> None:
        """Raise if an address is open to more people than was said to be wanted.

        Raises:
            InsecureAddress: so.
            AddressInUse: it is no address.
        """
        encrypted = self.tls is not None
        if not (address.startswith(UNIX) or encrypted or self._gives_up):
            check_exposure(address)

    @property
    def _gives_up(self) -> bool:
        return self.insecure_plaintext_from_anywhere

    def authenticator(self) -> Authenticator:
        """Read the tokens; return who decides.

        Raises:
            InvalidFile: the token file cannot be used.
        """
        # Also of a program that knows nothing of it: who has set it wants it asked for.
        file = self.token_file or os.environ.get(TOKEN_FILE_VARIABLE)
        return Authenticator(
            Tokens.load(file) if file else None,
            certificates=self.tls is not None and self.tls.client_ca is not None,
            hook=self.authenticate,
        )

    def read_policy(self) -> Policy | None:
        """Return what renderers may do; None if nothing was said of it.

        Raises:
            InvalidFile: its file cannot be used.
        """
        if self.policy is None or isinstance(self.policy, Policy):
            return self.policy
        return Policy.load(self.policy)

    def pems(self) -> tls_files.Pems | None:
        """Read main's certificate; None if there is none.

        Raises:
            InvalidFile: its files cannot be used.
        """
        return None if self.tls is None else tls_files.load(self.tls)


__all__ = ("Measures",)
