"""Does a Python package index keep the simple repository API?"""

__version__ = "1.0.0"
