"""Run the command `teminal` as `python -m teminal`, which launchers of several processes need."""

from teminal.cli import main

main()
