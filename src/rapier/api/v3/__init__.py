"""Version 3: each thing of a cluster as a resource with its own URI, a version identifier, and jobs as answers."""
