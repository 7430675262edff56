"""The jail: what stands between one attempt of tenant code and everything else on the machine.

Read in this order: ``spec`` (what a jail is made of), ``fork`` (the one door: a jailed child of a zygote),
``enter`` (the steps, in order), ``newroot`` and ``seccomp`` (two of those steps), then the agent's side:
``uids``, ``cgroups``, ``cleanup``, and ``level`` with ``probes``, which attack a jail to learn what it holds.

Standard library and ctypes only: these modules are imported into zygotes, where every import is paid for
by every tenant and where nothing may be loaded that a task could abuse.
"""
