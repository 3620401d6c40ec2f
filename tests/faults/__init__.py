"""What goes wrong on purpose: kills, and servers that misbehave, seen from the command line."""
