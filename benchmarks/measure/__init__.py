"""Measuring: processes' time and memory, the machine's limits, statistics, reports. Knows no system."""
