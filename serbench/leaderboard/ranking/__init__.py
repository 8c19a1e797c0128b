"""Rows of the leaderboard, their statistics and their ranks."""
