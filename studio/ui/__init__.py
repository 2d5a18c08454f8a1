"""The window. It talks to the session only, and imports no torch."""
