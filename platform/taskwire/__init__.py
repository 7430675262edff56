"""The words the control plane and the tenant side say to each other. Pure, versioned, stands alone."""
