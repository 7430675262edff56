"""Where the tenant's connections and variables are looked for."""
