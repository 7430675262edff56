"""One tenant in one file: written, put into this or another installation, or put in place of itself as it was."""
