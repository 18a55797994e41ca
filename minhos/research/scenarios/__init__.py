"""What the rules do in bad markets."""
