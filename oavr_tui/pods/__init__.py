"""Where full videos are made: machines rented by the second, and addresses of one's own."""
