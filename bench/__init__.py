"""Stock ganeti-rapi and Rapier side by side, on the same luxid: `make bench`."""
