"""The leaderboard as Markdown, HTML, LaTeX, CSV and JSON."""
