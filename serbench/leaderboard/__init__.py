"""The leaderboard: reading and checking submissions, and ranking them in tables."""
