"""Version 2: what programs written for stock ganeti-rapi expect, to the letter."""
