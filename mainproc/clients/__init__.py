"""The command as a client: `mainproc send`, `send-sync`, `invoke` and `listen`."""
