"""The URIs: `v2` as stock ganeti-rapi has them; `app` puts it together."""
