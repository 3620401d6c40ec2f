"""What the person sees. The only package that imports Textual."""
