"""Graphs for ComfyUI, and the patcher that fills them in."""
