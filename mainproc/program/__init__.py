"""A main script as a program: how it starts, what it is told, how it ends."""
