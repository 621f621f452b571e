"""What has to happen before there is an environment."""
