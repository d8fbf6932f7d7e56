"""Filing prefixes through the client: reviews, changes, deletions, refusals, repetition."""

import msgspec
import pytest

from node.uplink.messages import PrefixState, Verdict
from registry.errors import NationalNodeRefused
from tests.node.sandbox.conftest import FILING, SUBJECT, refiled, routing


async def state(world, prefix="88.118.8"):
    return (await world.ours.prefix_status(prefix)).state


async def history(world, prefix="88.118.8"):
    return await world.manage("GET", f"/prefixes/{prefix}")


async def refused(filing_call):
    with pytest.raises(NationalNodeRefused) as refusal:
        await filing_call
    return refusal.value.field, refusal.value.rule


async def test_approval(world):
    filed = await world.ours.file_prefix(FILING)
    assert (filed.state, filed.review, filed.revision) == (PrefixState.WAITING, None, 1)
    world.clock.now += 4.9
    assert await state(world) is PrefixState.WAITING
    world.clock.now += 0.1
    assert await state(world) is PrefixState.UNDER_REVIEW
    world.clock.now += 5
    status = await world.ours.prefix_status("88.118.8")
    assert status.state is PrefixState.ACTIVE
    assert status.review.verdict is Verdict.APPROVED
    assert status.review.decided_at == filed.filed_at + 10
    assert status.filing_id == filed.filing_id


async def test_rejection_and_a_better_filing(world):
    await world.manage(
        "PUT", "/review", {"delaySeconds": 3, "verdict": "rejected", "reason": "材料不全"}
    )
    await world.ours.file_prefix(FILING)
    world.clock.now += 3
    status = await world.ours.prefix_status("88.118.8")
    assert status.state is PrefixState.REJECTED
    assert (status.review.verdict, status.review.reason) == (Verdict.REJECTED, "材料不全")
    await world.manage("PUT", "/review", {"delaySeconds": 0})
    again = await world.ours.file_prefix(refiled(revision=2))
    assert (again.state, again.revision) == (PrefixState.ACTIVE, 2)


async def test_a_verdict_from_the_management_port(world):
    await world.ours.file_prefix(FILING)
    decided = {"verdict": "rejected", "reason": "no"}
    await world.manage("PUT", "/prefixes/88.118.8/verdict", decided)
    assert await state(world) is PrefixState.REJECTED
    world.clock.now += 100
    assert await state(world) is PrefixState.REJECTED


async def test_a_prefix_never_filed_has_no_status(world):
    assert await world.ours.prefix_status("88.118.9") is None


async def test_the_same_filing_again_is_the_same_filing(world):
    first = await world.ours.file_prefix(FILING)
    world.clock.now += 20
    second = await world.ours.file_prefix(FILING)
    assert second.filing_id == first.filing_id
    assert second.filed_at == first.filed_at
    assert second.state is PrefixState.ACTIVE
    assert len(await history(world)) == 1


@pytest.mark.parametrize("change", [False, True])
async def test_an_answer_lost_after_the_commit_makes_no_second_filing(world, change):
    if change:
        await world.ours.file_prefix(FILING)
    filing = refiled(revision=2) if change else FILING
    file = world.ours.update_prefix if change else world.ours.file_prefix
    await world.manage("DELETE", "/received")
    await world.manage("POST", "/faults", {"kind": "answerLost", "count": 2})
    filed = await file(filing)
    assert filed.revision == filing.revision
    assert [one["httpStatus"] for one in await world.received()] == [504, 504, 200]
    assert len([one for one in await history(world) if one["revision"] == filing.revision]) == 1


async def test_the_same_revision_with_other_content_is_refused(world):
    await world.ours.file_prefix(FILING)
    other = refiled(subject=msgspec.structs.replace(SUBJECT, name="另一家"))
    assert await refused(world.ours.file_prefix(other)) == ("revision", "status -2: immutable")


async def test_a_change_is_reviewed_while_the_old_filing_holds(world):
    await world.manage("PUT", "/review", {"delaySeconds": 0})
    await world.ours.file_prefix(FILING)
    await world.manage("PUT", "/review", {"delaySeconds": 10})
    changed = refiled(revision=2, routing=(routing("88.118.8", 9999),))
    assert (await world.ours.update_prefix(changed)).state is PrefixState.WAITING
    assert (await world.ours.resolve("88.118.8/1")).services[0].ports[0].port == 9000
    world.clock.now += 10
    assert await state(world) is PrefixState.ACTIVE
    assert (await world.ours.resolve("88.118.8/1")).services[0].ports[0].port == 9999


async def test_a_superseded_change_never_takes_force(world):
    await world.ours.file_prefix(FILING)
    world.clock.now += 5
    await world.manage("PUT", "/review", {"delaySeconds": 10, "verdict": "rejected"})
    await world.ours.update_prefix(refiled(revision=2))
    world.clock.now += 6
    assert await state(world) is PrefixState.UNDER_REVIEW
    assert await world.ours.resolve("88.118.8/1") is None
    world.clock.now += 4
    assert await state(world) is PrefixState.REJECTED
    assert await world.ours.resolve("88.118.8/1") is None


async def test_revisions_rise(world):
    await world.ours.file_prefix(refiled(revision=2))
    old = world.ours.update_prefix(FILING)
    assert await refused(old) == ("revision", "status -2: rising")


async def test_filing_anew_what_is_filed_is_refused(world):
    await world.ours.file_prefix(FILING)
    anew = world.ours.file_prefix(refiled(revision=2))
    assert await refused(anew) == ("prefix", "status -2: new")


async def test_changing_what_was_never_filed_is_refused(world):
    assert await refused(world.ours.update_prefix(FILING)) == ("prefix", "status -2: known")


async def test_deletion_and_filing_anew(world):
    await world.manage("PUT", "/review", {"delaySeconds": 0})
    await world.ours.file_prefix(FILING)
    await world.manage("PUT", "/review", {"delaySeconds": 10})
    deleted = await world.ours.delete_prefix("88.118.8")
    assert deleted.state is PrefixState.TO_BE_DELETED
    assert (await world.ours.delete_prefix("88.118.8")).filing_id == deleted.filing_id
    assert await world.ours.resolve("88.118.8/1") is not None
    changing = world.ours.update_prefix(refiled(revision=2))
    assert await refused(changing) == ("prefix", "status -2: state")
    world.clock.now += 10
    assert await state(world) is PrefixState.STOPPED
    assert await world.ours.resolve("88.118.8/1") is None
    await world.ours.file_prefix(refiled(revision=2))
    world.clock.now += 10
    assert await state(world) is PrefixState.ACTIVE
    assert await world.ours.resolve("88.118.8/1") is not None


async def test_a_late_retry_of_a_deleted_filing_revives_nothing(world):
    await world.ours.file_prefix(FILING)
    await world.ours.delete_prefix("88.118.8")
    world.clock.now += 10
    assert (await world.ours.file_prefix(FILING)).state is PrefixState.STOPPED


async def test_deleting_what_was_never_filed_is_refused(world):
    assert await refused(world.ours.delete_prefix("88.118.8")) == ("prefix", "status -2: known")


@pytest.mark.parametrize("prefix", ["88.119.8", "88.1188", "88.118", "8", "88.1", "86.118.8"])
async def test_a_prefix_under_another_secondary_prefix_is_refused(world, prefix):
    expected = ("prefix", "status -3: own-secondary-prefix")
    assert await refused(world.ours.file_prefix(refiled(prefix=prefix))) == expected
    assert await refused(world.ours.prefix_status(prefix)) == expected
    assert await refused(world.ours.delete_prefix(prefix)) == expected


@pytest.mark.parametrize("prefix", ["88.118.", "88.118.8.9", "88.118.a", "88.118." + "1" * 58])
async def test_a_malformed_prefix_is_refused(world, prefix):
    filing = world.ours.file_prefix(refiled(prefix=prefix))
    assert await refused(filing) == ("prefix", "status -2: syntax")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": None}, "subject"),
        ({"subject": msgspec.structs.replace(SUBJECT, name=" ")}, "subject.name"),
        (
            {"subject": msgspec.structs.replace(SUBJECT, credit_code="911101085891040470")},
            "subject.creditCode",
        ),
        ({"verification": None}, "verification"),
        (
            {"verification": msgspec.structs.replace(FILING.verification, verified=False)},
            "verification.verified",
        ),
        (
            {"verification": msgspec.structs.replace(FILING.verification, verified_at=2**40)},
            "verification.verifiedAt",
        ),
        ({"routing": (routing("88.118.9"),)}, "routing.prefix"),
        ({"routing": (routing("88.118.8"),) * 17}, "routing"),
        ({"revision": 0}, "revision"),
    ],
)
async def test_an_incomplete_filing_is_refused_with_the_item(world, changes, field):
    named, rule = await refused(world.ours.file_prefix(refiled(**changes)))
    assert named == field
    assert rule.startswith("status -2: ")
    assert await history(world) == []


async def test_a_filing_without_any_address_is_refused(world):
    filing = world.others.file_prefix(refiled(prefix="88.119.1"))
    assert await refused(filing) == ("routing", "status -2: required")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"prefix": "88.118.8", "extra": 1}'])
async def test_a_body_that_is_no_filing_is_refused(world, body):
    headers = world.signed("POST", "/ntn/v1/prefixes", body)
    http, envelope = await world.raw("POST", "/ntn/v1/prefixes", headers, body)
    assert (http, envelope["status"], envelope["data"]["rule"]) == (200, -2, "format")


async def test_the_path_and_the_body_name_the_same_prefix(world):
    body = msgspec.json.encode(FILING)
    headers = world.signed("PUT", "/ntn/v1/prefixes/88.118.9", body)
    _, envelope = await world.raw("PUT", "/ntn/v1/prefixes/88.118.9", headers, body)
    assert (envelope["status"], envelope["data"]["field"]) == (-2, "prefix")


async def test_a_restart_keeps_filings_and_running_reviews(world):
    filed = await world.ours.file_prefix(FILING)
    await world.sandbox.stop()
    await world.start()
    assert (await world.ours.prefix_status("88.118.8")).filing_id == filed.filing_id
    world.clock.now += 10
    assert await state(world) is PrefixState.ACTIVE
    assert (await world.ours.file_prefix(FILING)).filing_id == filed.filing_id
