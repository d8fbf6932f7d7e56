"""Where proofs lie in the package of a report, and reading them there.

log/<name>.checkpoint          the checkpoint that everything rests on
log/<name>/<n>.tlog-proof      leaf n, in the extra line, with its proof under that checkpoint
log/<name>/<size>.checkpoint   an older checkpoint of the log
log/<name>/<size>.consistency  that it is a beginning of the log, as it would be sent to a witness
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from award.evidence.certified import Checkpoint
from metrics.log.checkpoint import Checkpoint as LogCheckpoint
from metrics.log.checkpoint import decimal
from metrics.log.fault import LogFault
from metrics.log.merkle import check_consistency, leaf_hash
from metrics.log.note import SignedNote
from metrics.log.proof import Proof
from metrics.log.submission import Submission

FOLDER = "log/"
CHECKPOINT, PROOF, CONSISTENCY = ".checkpoint", ".tlog-proof", ".consistency"


def name_of(log: Checkpoint) -> str:
    """A log's name: the end of its origin."""
    return log.origin.rpartition("/")[2]


def checkpoint_path(log: Checkpoint) -> str:
    return f"{FOLDER}{name_of(log)}{CHECKPOINT}"


def path_of(log: Checkpoint, number: int, kind: str) -> str:
    return f"{FOLDER}{name_of(log)}/{number}{kind}"


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The files of one log in a package."""

    log: Checkpoint
    files: Mapping[str, bytes]

    def leaves(self) -> dict[int, bytes]:
        """The leaves that are shown, by their places. Raises LogFault naming the file where one is
        not proved to be in the log."""
        return {number: self._leaf(number, path) for number, path in self._of(PROOF)}

    def older(self) -> list[SignedNote]:
        """Older checkpoints, each proved to be a beginning of the log; whose signatures they bear
        is another question. Raises LogFault."""
        sizes = dict(self._of(CHECKPOINT))
        proofs = dict(self._of(CONSISTENCY))
        for number in sizes.keys() ^ proofs.keys():
            path = sizes.get(number) or proofs[number]
            raise LogFault(f"{path} 缺少与之成对的文件", field=path, rule="consistency")
        return [self._beginning(size, sizes[size], proofs[size]) for size in sorted(sizes)]

    def _of(self, kind: str) -> Iterator[tuple[int, str]]:
        """Numbers and paths of the files of one kind."""
        folder = f"{FOLDER}{name_of(self.log)}/"
        for path in sorted(self.files):
            if path.startswith(folder) and path.endswith(kind):
                yield decimal(path.removeprefix(folder).removesuffix(kind), path), path

    def _leaf(self, number: int, path: str) -> bytes:
        try:
            proof = Proof.parse(self._text(path))
            if str(proof.note) != self.log.note or proof.index != number:
                raise LogFault("不是报告所依检查点之下该序号的证明", rule="proof")
            proof.check(leaf_hash(proof.extra))
        except LogFault as fault:
            raise LogFault(f"{path}：{fault.detail}", field=path, rule=fault.rule) from None
        return proof.extra

    def _beginning(self, size: int, path: str, proof_path: str) -> SignedNote:
        try:
            note = SignedNote.parse(self._text(path))
            older = LogCheckpoint.parse(note.text)
            shown = Submission.parse(self.files[proof_path])
            if (older.origin, older.size, shown.old) != (self.log.origin, size, size):
                raise LogFault("不是该日志在该大小时的检查点", rule="consistency")
            if str(shown.note) != self.log.note:
                raise LogFault("所续的不是报告所依的检查点", rule="consistency")
            newer = shown.checkpoint
            check_consistency(size, newer.size, older.root, newer.root, shown.proof)
        except LogFault as fault:
            raise LogFault(f"{path}：{fault.detail}", field=path, rule=fault.rule) from None
        return note

    def _text(self, path: str) -> str:
        try:
            return self.files[path].decode()
        except UnicodeDecodeError:
            raise LogFault("不是 UTF-8 文本", field=path, rule="proof") from None
