"""Looking at pictures, sound and video files: are they usable, what is in them."""
