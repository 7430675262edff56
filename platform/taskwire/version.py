"""The version of the words. A peer that speaks another major version is refused at register."""

from __future__ import annotations

WIRE_VERSION = "1.0"
"""major.minor: a new optional field raises minor, anything a peer could misread raises major."""
