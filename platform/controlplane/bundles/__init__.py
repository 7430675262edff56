"""A push or an upload becomes one immutable bundle version, stored once by digest."""
