"""Switchback experiments: two prices in turn, block by block, and what they did to demand."""
