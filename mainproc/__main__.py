"""`python -m mainproc`: the same as the command `mainproc`."""

from mainproc.cli import main

main()
