"""Locust users: an enterprise's people and machines, with the pauses they make.

    locust -f loadtests/enterprise.py --headless …

`loadtests/users.py` starts a node and runs them. Each user registers under serials of its own, so
that nothing it does collides with what another does.
"""

from __future__ import annotations

import os
import random
import secrets

from locust import HttpUser, between, task

PREFIX = os.environ["BIAOSHI_BENCH_PREFIX"]
KEY = {"Authorization": f"Bearer {os.environ['BIAOSHI_BENCH_KEY']}"}


class Line(HttpUser):
    """A production line: registers a product every second or so, now and then amends one, and at
    the end of a shift sends what was left over as a list."""

    wait_time = between(0.5, 2.0)
    weight = 3

    def on_start(self) -> None:
        self.line = secrets.token_hex(4).upper()
        self.made: list[str] = []

    @task(10)
    def register(self) -> None:
        handle = f"{PREFIX}/{self.line}-{len(self.made):06d}"
        values = [{"index": 1, "type": "URL", "data": f"https://example.com/{handle}"}]
        answer = self.client.put(
            f"/v1/identifiers/{handle}", json={"values": values}, headers=KEY, name="register"
        )
        if answer.status_code == 201:
            self.made.append(handle)

    @task(2)
    def amend(self) -> None:
        if self.made:
            value = {"index": 2, "type": "INSPECTED", "data": secrets.token_hex(4)}
            handle = random.choice(self.made)
            self.client.patch(
                f"/v1/identifiers/{handle}", json={"values": [value]}, headers=KEY, name="amend"
            )

    @task(1)
    def register_list(self) -> None:
        shift = secrets.token_hex(4).upper()
        items = [{"handle": f"{PREFIX}/{shift}-{number}", "values": []} for number in range(100)]
        self.client.post("/v1/identifiers", json=items, headers=KEY, name="register a list")


class Office(HttpUser):
    """Somebody in the office: looks things up, reads a while, sometimes withdraws a mistake."""

    wait_time = between(2.0, 8.0)
    weight = 1

    def on_start(self) -> None:
        self.handle = f"{PREFIX}/O{secrets.token_hex(6).upper()}"
        self.client.put(
            f"/v1/identifiers/{self.handle}", json={"values": []}, headers=KEY, name="register"
        )

    @task(6)
    def show(self) -> None:
        self.client.get(f"/v1/identifiers/{self.handle}", headers=KEY, name="show")

    @task(3)
    def listing(self) -> None:
        query = {"prefix": PREFIX, "limit": 50}
        self.client.get("/v1/identifiers", params=query, headers=KEY, name="list")

    @task(2)
    def history(self) -> None:
        self.client.get(f"/v1/history/{self.handle}", headers=KEY, name="history")

    @task(1)
    def withdraw(self) -> None:
        mistake = f"{PREFIX}/W{secrets.token_hex(6).upper()}"
        self.client.put(
            f"/v1/identifiers/{mistake}", json={"values": []}, headers=KEY, name="register"
        )
        self.client.delete(f"/v1/identifiers/{mistake}", headers=KEY, name="withdraw")


class Customer(HttpUser):
    """Somebody who scans a product: looks it up, reads, scans the next."""

    wait_time = between(1.0, 5.0)
    weight = 6

    def on_start(self) -> None:
        self.handle = f"{PREFIX}/C{secrets.token_hex(6).upper()}"
        self.client.put(
            f"/v1/identifiers/{self.handle}", json={"values": []}, headers=KEY, name="register"
        )

    @task
    def scan(self) -> None:
        self.client.get(f"/v1/resolve/{self.handle}", name="resolve")
