"""The tenant side: an agent that never sees tenant code, zygotes that hold it warm, a jail around each attempt."""
