"""Preview environments of branches."""
