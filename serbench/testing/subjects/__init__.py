"""What the checks are run on: a plugin's model, features, dataset or package."""
