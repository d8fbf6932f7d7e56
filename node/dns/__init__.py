"""The DNS front's listeners, over UDP and TCP, and what they answer."""
