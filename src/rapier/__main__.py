"""`python -m rapier`: the same as the command `rapier`."""

from rapier.cli import main

if __name__ == "__main__":
    main()
