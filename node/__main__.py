"""`python -m node` is `biaoshi`."""

from node.cli import main

main()
