"""The systems that are measured: ours and the others, behind one contract."""
