"""Programs of users are run by tests/integration/test_programs.py."""

collect_ignore = ["programs"]
