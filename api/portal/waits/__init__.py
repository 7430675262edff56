"""Why tasks do not run."""
