"""What runs for long, and the two services that users import."""
