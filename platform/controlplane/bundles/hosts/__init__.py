"""Git hosts: the forms of their webhooks and the ways to tell them of a commit, a body per host."""
