"""Callbacks that the control plane ran, and deadlines and `sla`s of runs: what happened to each."""
