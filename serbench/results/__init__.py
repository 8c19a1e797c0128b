"""What evaluations leave behind: fold files, runs, their scores and names."""
