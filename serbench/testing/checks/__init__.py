"""The checks of models, features, datasets and packages, one function each."""
