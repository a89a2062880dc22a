"""Real servers for the tests: installed, started on free loopback ports, ended by process id."""
