"""``python -m tauro``."""

from tauro.cli import main

if __name__ == "__main__":
    main()
