"""Processes that main spawns: renderers with an entrance of their own."""
