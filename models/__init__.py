"""What is trained: networks, losses, face sets."""
