"""Audit: who changed what, when, from where; refusals and sign-ins too. One hash chain per tenant, one of the platform.

Everybody else writes `from tenants.audit.record import record_change`. The walk: a door (or a command) says who
acts (`context.py`), a service says what changed (`record.py`, redacted by `redaction.py`), the end of the
transaction puts it on the chain (`append.py`), checkpoints of the chain are signed and kept elsewhere
(`sign_chain.py`, `checkpoint.py`), and `verify.py` names the first row that is not as it was. Decision: docs/adr/0026.
"""
