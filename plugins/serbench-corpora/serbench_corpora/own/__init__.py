"""Read users' own corpora: a CSV table, a folder of audio or an audformat database."""
