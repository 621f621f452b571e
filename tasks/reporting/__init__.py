"""Reports and exports as changes of the world: each a file, written whole, looked at afterwards."""
