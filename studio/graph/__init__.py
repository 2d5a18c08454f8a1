"""The document as an immutable value: pure, without Qt and without torch."""
