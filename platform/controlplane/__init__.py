"""The Django project. Read its packages in this order: settings, foundation, ledger, bundles, dagprocessor,
runs, scheduler, executors, execution, maintenance, secrets (docs/flow.md is the guided tour)."""
