"""What happens when a part dies at the worst moment. Real processes, real signals."""
