"""Bundled weights, the demo face and the demo clip, all made by this project."""
