"""Sierra Chart as a venue, over DTC."""
