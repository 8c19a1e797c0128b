"""The checks of models, features, datasets, engines and packages, one function each."""
