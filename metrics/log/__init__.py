"""The certified log: public formats (C2SP), so that anybody's verifier accepts it."""
