"""What travels with the cell. Nothing here imports the rest of Ciao, and nothing of Ciao imports it."""
