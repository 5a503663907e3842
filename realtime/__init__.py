"""The live product: camera in, swapped face out."""
