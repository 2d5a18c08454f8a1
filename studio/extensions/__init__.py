"""Packs: manifests, what they offer, what is wrong with them. Lists everything and runs nothing;
`studio.extensions.load` runs a pack's file, in the engine only."""

from studio.extensions.manifest import API_VERSION, MANIFEST
from studio.extensions.scan import Scan, fingerprint, scan

__all__ = ["API_VERSION", "MANIFEST", "Scan", "fingerprint", "scan"]
