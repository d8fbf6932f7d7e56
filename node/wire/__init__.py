"""The Handle wire protocol's listeners, over TCP and UDP, and what they answer."""
