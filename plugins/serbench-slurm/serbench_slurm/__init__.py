"""The engine `slurm`: folds as jobs of a Slurm cluster, by Slurm's own commands."""

__version__ = "0.1.0"
