"""Bad weather for servers, ways and disks, under load, with an audit at the end."""
