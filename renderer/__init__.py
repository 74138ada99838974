"""The renderer process: talk to the main process over named channels."""
