"""One file per command. Each has ``add_arguments(parser)`` and ``run(arguments) -> exit status``."""
