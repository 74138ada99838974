"""How many connections a process may have."""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows has no such limit

    def allow_many() -> None:
        """Change nothing."""

else:

    def allow_many() -> None:
        """Raise the limit of open files as far as we may: 1,024 is an ordinary one."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
