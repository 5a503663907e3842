"""Benchmarks of the loop, the kernels and the runners."""
