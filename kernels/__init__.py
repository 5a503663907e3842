"""Compiled per-pixel work on planes and crops."""
