"""The sans-I/O core that both ends share."""
