"A synthetic shop, realistic and exactly reproducible at any size."

__version__ = "0.1.0"
