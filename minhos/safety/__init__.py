"""What stops, flattens, drills and arms, also where no trader runs."""
