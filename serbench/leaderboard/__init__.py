"""The leaderboard: submissions, what is known of each, and the tables made of them."""
