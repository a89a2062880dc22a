"""Search over a large collection of made-up events, beside DuckDB asking the same of the same files."""

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from bench import peers
from bench.measure import Cost, measure, once
from bench.table import table
from harness import yaml
from harness.lake import Table
from harness.pipelines import generated, pipeline
from harness.process import binary

HEADINGS = ("", "hits", "seconds", "CPU s", "peak MB", "DuckDB seconds", "CPU s", "peak MB", "time to DuckDB's")


@dataclass(frozen=True)
class Question:
    """The same in both languages."""

    name: str
    query: str
    condition: str

    @staticmethod
    def word(name: str, word: str) -> "Question":
        return Question(name, f'"{word}"', f"contains(lower(_payload), '{word}')")


class Search:
    """A collection, and the rows measured so far."""

    def __init__(self, folder: Path, count: int, seed: int, runs: int):
        self.folder, self.count, self.runs = folder, count, runs
        self.lake, self.files = folder / "lake", folder / "files"
        self.rows: list[tuple[str, ...]] = []
        sink = {"type": "lake", "path": str(self.lake), "collection": "events"}
        (folder / "generate.yaml").write_text(yaml.dump(pipeline(generated(count, seed=seed), sink)))
        once([binary(), "run", "generate.yaml", "--data-dir", "data"], folder)
        self.files.write_text("\n".join(Table(self.lake / "events").open().file_uris()))

    def all(self) -> None:
        some_id = self.output(peers.ask(self.files, f"SELECT event_id FROM events WHERE _position = {self.count // 2}"))
        word = Question.word("a common word", "lamp")
        questions = [Question.word("a rare id, anywhere", some_id), Question("a rare id in its field", f"event_id:{some_id}", f"event_id = '{some_id}'"), word,
                     Question("a range of a number", "amount:[100 TO 110]", "amount BETWEEN 100 AND 110"), Question("all", "*", "true")]
        for question in questions:
            self.counted(question, f"{question.name}, counted", self.search("--count", question.query))
        self.newest(word)
        self.counted(word, f"{word.name}, counted by a dry run", self.replay("--dry-run", "--query", word.query), check=False)

    def counted(self, question: Question, name: str, command: list[str], check: bool = True) -> None:
        asked = peers.ask(self.files, f"SELECT count(*) FROM events WHERE {question.condition}")
        hits = int(self.output(asked))
        assert not check or int(self.output(command)) == hits, f"{name}: DuckDB finds {hits}"
        self.row(name, hits, command, asked)

    def newest(self, question: Question) -> None:
        time = "coalesce(_timestamp, _ingested_at)"
        asked = peers.ask(self.files, f"SELECT _payload FROM events WHERE {question.condition} ORDER BY {time} DESC LIMIT 20")
        command = self.search("--json", "--limit", "20", question.query)
        found = [json.loads(json.loads(line)["payload"]) for line in self.output(command).splitlines()]
        assert found == [json.loads(line) for line in self.output(asked).splitlines()], f"other events than DuckDB's: {found}"
        self.row(f"{question.name}, the newest 20", len(found), command, asked)

    def row(self, name: str, hits: int, command: list[str], asked: list[str]) -> None:
        ours, theirs = self.measured(command), self.asked(asked)
        self.rows.append((name, f"{hits:,}", *figures(ours), *figures(theirs), f"{ours.seconds / theirs.seconds:.2f}x"))

    def search(self, *options: str) -> list[str]:
        return [binary(), "search", "events", "--lake", str(self.lake), *options]

    def replay(self, *options: str) -> list[str]:
        return [binary(), "replay", "events", "--lake", str(self.lake), "--data-dir", "data", *options]

    def measured(self, command: list[str]) -> Cost:
        return measure(command, self.folder, self.runs, lambda: None, lambda: None)

    def asked(self, command: list[str]) -> Cost:
        told: list[Cost] = []
        whole = measure(command, self.folder, self.runs, lambda: None, lambda: told.append(Cost(*json.loads((self.folder / peers.ASKED).read_text()), 0)))
        return replace(Cost.median(told), peak_mb=whole.peak_mb)

    def output(self, command: list[str]) -> str:
        return subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def report(self) -> str:
        size = self.output(peers.ask(self.files, "SELECT avg(strlen(_payload)) FROM events"))
        files = self.files.read_text().splitlines()
        stored = sum(Path(file.removeprefix("file://")).stat().st_size for file in files)
        return (f"{table(HEADINGS, self.rows)}\n\n{self.count:,} events of {float(size):.0f} bytes, {stored / 1e6:,.0f} MB in {len(files)} files; "
                f"ours with the start of the program, DuckDB without that of Python, {os.cpu_count()} threads each")


def figures(cost: Cost) -> tuple[str, ...]:
    return f"{cost.seconds:.2f}", f"{cost.cpu_seconds:.2f}", f"{cost.peak_mb:,.0f}"
