"""``sohoa review next``: one hold after another, question by question, each answered by a single key."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import assert_never

from rich.console import Console
from rich.text import Text

from commands import keys
from commands.alike import beside_those_alike
from commands.deciding import Waiting, go_on, merged, rejected, split, submission_of, waiting
from commands.indexing import index_or_say
from commands.keys import key, single_keys, typed
from commands.naming import naming
from commands.offering import offered
from commands.pictures import show_picture, shows_pictures
from commands.showing import harmless
from commands.undoing import taken_back
from commands.workspace import Workspace
from ingest.crops import write_crops, write_neighbours
from ingest.extract import NEEDED, reasons_to_hold
from ingest.review import accept, checked, confirm_cut, set_fields
from schemas.documents import CutState, Field, FieldState
from schemas.errors import InputRejected, SohoaError
from schemas.fieldwords import as_written, field_labels
from schemas.language import _
from schemas.records import Submission

CANDIDATES = 9
"""As many as there are keys."""


@dataclass(frozen=True, slots=True)
class CutBefore:
    """Does a paper begin at its first page?"""


@dataclass(frozen=True, slots=True)
class CutWithin:
    """Does another paper begin at this page?"""

    page: int


@dataclass(frozen=True, slots=True)
class FieldDoubt:
    """What does the paper say here?"""

    name: str


@dataclass(frozen=True, slots=True)
class OtherDoubt:
    """A reason to wait that lies in no field and no cut."""

    reason: str


Question = CutBefore | CutWithin | FieldDoubt | OtherDoubt


def questions(submission: Submission) -> Iterator[Question]:
    """What is asked about a document: where it begins and ends first, as the rest may change with that."""
    document = submission.document
    if document.cut.state is CutState.HELD:
        yield CutBefore()
    for page in document.doubtful_cuts:
        yield CutWithin(page)
    for name in NEEDED:
        doubted: Field = getattr(document.metadata, name)
        if doubted.state is FieldState.HELD:
            yield FieldDoubt(name)
    own = reasons_to_hold(document)
    from_fields_and_cuts = sum(1 for _question in _fields_and_cuts(submission))
    for reason in (*own[: len(own) - from_fields_and_cuts], *document.reasons[len(own) :]):
        yield OtherDoubt(reason)


def _fields_and_cuts(submission: Submission) -> Iterator[None]:
    """One for each reason that a field or a cut gives: all doubtful cuts within a document are one."""
    document = submission.document
    if document.cut.state is CutState.HELD:
        yield None
    if document.doubtful_cuts:
        yield None
    for name in NEEDED:
        if getattr(document.metadata, name).state is FieldState.HELD:
            yield None


_Decided = Callable[[], Submission]
_Change = Callable[[], str]


class Move(Enum):
    """What follows after a document."""

    ON = auto()
    SKIP = auto()
    AGAIN = auto()
    """It stands otherwise now: ask about it anew."""
    QUIT = auto()


@dataclass
class Session:
    """One sitting of one person. The lock is taken for each decision, not while they think."""

    workspace: Workspace
    who: str
    out: Console
    spool: Path
    queue: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    """Holds in the order of the decisions, for undo."""
    skipped: int = 0

    def run(self, ids: list[str]) -> None:
        """Ask about each of *ids* until all are done or the person quits."""
        self.queue = list(ids)
        began = time.monotonic()
        shows_pictures(self.out)  # asked now, so that no key typed ahead is lost at the first picture
        with single_keys():
            while self.queue:
                id = self.queue.pop(0)
                move = self._ask_about(id)
                if move is Move.QUIT:
                    break
                if move is Move.AGAIN:
                    self.queue.insert(0, id)
                if move is Move.SKIP:
                    self.skipped += 1
        minutes = (time.monotonic() - began) / 60
        self.out.print(_("{decided} decisions, {skipped} skipped, in {minutes} min; {left} wait").format(
            decided=len(self.decided), skipped=self.skipped, minutes=f"{minutes:.1f}",
            left=self.workspace.catalogue.count_waiting()))  # fmt: skip

    def _ask_about(self, id: str) -> Move:
        try:
            held = waiting(self.workspace, id)
            held = Waiting(held.hold, offered(self.workspace, held.hold))
        except InputRejected:  # put together with another, or decided on by somebody else meanwhile
            return Move.ON
        self._show(held)
        self.workspace.catalogue.note_access(self.who, "review next", held.hold.id)
        asked = list(questions(held.submission))
        answered = held.submission
        crops = self._crops(held)
        for place, question in enumerate(asked, start=1):
            self._show_question(held, question, place, len(asked), crops)
            while True:
                pressed = key()
                common = self._common(held, answered, pressed)
                if common is not None:
                    return common
                try:
                    after = self._answer(held, answered, question, pressed)
                except InputRejected as error:
                    self._say(str(error))
                    continue
                if isinstance(after, Move):
                    return after
                if after is not None:
                    answered = after
                    break
                self._say(_keys_of(question))
        if not asked:
            return self._decide(held, lambda: accept(held.submission, self.who, datetime.now(UTC)))
        if any(isinstance(question, OtherDoubt) for question in asked):
            return self._decide(held, lambda: accept(answered, self.who, datetime.now(UTC)))
        return self._decide(held, lambda: answered)

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _show(self, held: Waiting) -> None:
        hold, document = held.hold, held.submission.document
        done = _("{left} left, {decided} decided, {skipped} skipped").format(
            left=len(self.queue) + 1, decided=len(self.decided), skipped=self.skipped
        )
        self.out.print()
        self.out.rule(f"{done}", style="dim")
        pages = document.page_numbers
        where = _("{id}: {scan}, pages {first} to {last}") if len(pages) > 1 else _("{id}: {scan}, page {page}")
        head = where.format(
            id=hold.id, scan=harmless(Path(hold.scan_path).name), first=pages[0], last=pages[-1], page=pages[0]
        )
        self.out.print(Text(head, style="bold"))
        if procedure := held.submission.procedure:
            said = naming(self.workspace, [procedure])(procedure)
            self.out.print(_("procedure {code}").format(code=harmless(said)))
        labels = field_labels()
        wide = max(len(label) for label in labels.values())
        for name, found in document.metadata.items():
            value = harmless(as_written(name, found.value or ""))
            if found.state is FieldState.HELD and name in NEEDED:
                self.out.print(Text(f"  ? {labels[name]:{wide}}  {value}", style="bold"))
            elif value:
                mark = "✓" if found.state is FieldState.ACCEPTED else "·"
                self.out.print(Text(f"  {mark} {labels[name]:{wide}}  {value}"))

    def _crops(self, held: Waiting) -> dict[str, Path]:
        pdf = self.workspace.folder / held.hold.pdf_path
        return write_crops(pdf, held.submission.document, self.spool, held.hold.id)

    def _show_question(self, held: Waiting, question: Question, place: int, count: int, crops: dict[str, Path]) -> None:
        self.out.print()
        pdf = self.workspace.folder / held.hold.pdf_path
        match question:
            case FieldDoubt(name):
                self._picture(crops.get(name))
                doubted: Field = getattr(held.submission.document.metadata, name)
                self.out.print(Text(f"({place}/{count}) {field_labels()[name]}?", style="bold"))
                for number, candidate in enumerate(_candidates(doubted), start=1):
                    self.out.print(Text(f"  [{number}] {harmless(as_written(name, candidate))}"))
                if doubted.reason:
                    self.out.print(Text(f"  {harmless(doubted.reason)}", style="italic"))
            case CutBefore():
                numbers = held.submission.document.page_numbers
                before = self._page_before(held)
                self._picture(write_neighbours([*before, (pdf, 1)], self.spool / f"{held.hold.id}-cut.png"))
                self.out.print(Text(f"({place}/{count}) " + _("Does a new paper begin on page {page}?").format(
                    page=numbers[0]), style="bold"))  # fmt: skip
            case CutWithin(page):
                at = held.submission.document.page_numbers.index(page)
                self._picture(write_neighbours([(pdf, at), (pdf, at + 1)], self.spool / f"{held.hold.id}-{page}.png"))
                self.out.print(Text(f"({place}/{count}) " + _("Does another paper begin on page {page}?").format(
                    page=page), style="bold"))  # fmt: skip
            case OtherDoubt(reason):
                document = held.submission.document
                if any(id in reason for id in document.like):
                    file = self.spool / f"{held.hold.id}-like.png"
                    self._picture(beside_those_alike(self.workspace, held.hold, document, file))
                self.out.print(Text(f"({place}/{count}) {harmless(reason)}", style="bold"))
                self.out.print(_("PDF: {path}").format(path=pdf))
            case _:
                assert_never(question)
        self._say(_keys_of(question))

    def _page_before(self, held: Waiting) -> list[tuple[Path, int]]:
        """The last page of the document before it in the scan, where that still waits."""
        other = self._before(held)
        return [] if other is None else [
            (self.workspace.folder / other.hold.pdf_path, len(other.submission.document.pages))
        ]  # fmt: skip

    def _before(self, held: Waiting) -> Waiting | None:
        last_before = held.submission.document.page_numbers[0] - 1
        for head in self.workspace.catalogue.waiting():
            if head.scan_path == held.hold.scan_path and head.pages[-1] == last_before:
                hold = self.workspace.catalogue.hold(head.id)
                return Waiting(hold, submission_of(hold))
        return None

    def _picture(self, file: Path | None) -> None:
        if file is not None and not show_picture(self.out, file):
            self.out.print(Text(_("picture: {path}").format(path=file), style="dim"))

    def _say(self, text: str) -> None:
        self.out.print(Text(text, style="dim"))

    # -- what is answered ---------------------------------------------------------------------------------------------

    def _common(self, held: Waiting, answered: Submission, pressed: str) -> Move | None:
        """What a key does at any question; None for a key that belongs to the question."""
        match pressed:
            case "s":
                return Move.SKIP
            case "q" | keys.END:
                return Move.QUIT
            case "a":
                return self._decide(held, lambda: accept(answered, self.who, datetime.now(UTC)))
            case "x":
                reason = typed(_("why rejected: "))
                return self._reject(held, reason) if reason else Move.AGAIN
            case "u":
                return self._undo(held)
            case _:
                return None

    def _answer(
        self, held: Waiting, answered: Submission, question: Question, pressed: str
    ) -> Submission | Move | None:
        """What *pressed* makes of the question: the document as answered, or what follows. None: no key of this one."""
        now = datetime.now(UTC)
        match question:
            case FieldDoubt(name):
                value = self._value(held, name, pressed)
                return None if value is None else set_fields(answered, {name: value}, self.who, now)
            case CutBefore() if pressed == "y":
                kept = answered.document.doubtful_cuts
                sure = confirm_cut(answered, self.who, now)
                return sure if not kept else answered
            case CutBefore() if pressed == "n":
                before = self._before(held)
                if before is None:
                    raise InputRejected(_("the paper before it waits no more; take its decision back first, or skip"))
                return self._changed(lambda: merged(self.workspace, [before, held], self.who), before.hold.id)
            case CutWithin(page) if pressed == "y":
                return self._changed(lambda: split(self.workspace, held, [page], self.who), held.hold.id)
            case CutWithin(page) if pressed == "n":
                last = page == answered.document.doubtful_cuts[-1]
                return confirm_cut(answered, self.who, now) if last else answered
            case OtherDoubt() if pressed == "y":
                return answered
            case _:
                return None

    def _value(self, held: Waiting, name: str, pressed: str) -> str | None:
        """The value that *pressed* chooses, empty for none; None for a key that chooses nothing."""
        doubted: Field = getattr(held.submission.document.metadata, name)
        candidates = _candidates(doubted)
        if pressed == "-":
            return ""
        if pressed in ("\r", "\n") and doubted.value:
            return doubted.value
        if pressed == "e":
            line = typed(f"{field_labels()[name]}: ", as_written(name, doubted.value or ""))
            return checked(name, line) if line else None
        if pressed.isdecimal() and 1 <= int(pressed) <= len(candidates):
            return candidates[int(pressed) - 1]
        return None

    # -- what follows -------------------------------------------------------------------------------------------------

    def _decide(self, held: Waiting, decided: _Decided) -> Move:
        def done() -> str:
            return go_on(self.workspace, waiting(self.workspace, held.hold.id), decided(), "review next", self.who)

        if not self._done(done, held.hold.id):
            return Move.SKIP
        return Move.ON if self.workspace.catalogue.hold(held.hold.id).decided_at is not None else Move.AGAIN

    def _reject(self, held: Waiting, reason: str) -> Move:
        done = self._done(lambda: rejected(self.workspace, held, reason, self.who), held.hold.id)
        return Move.ON if done else Move.SKIP

    def _changed(self, change: _Change, first: str) -> Move:
        """Cut anew or put together: what came of it is asked about next."""
        before = {head.id for head in self.workspace.catalogue.waiting()}
        if not self._done(change, first):
            return Move.AGAIN
        fresh = [head.id for head in self.workspace.catalogue.waiting() if head.id not in before]
        self.queue = list(dict.fromkeys([first, *fresh, *self.queue]))
        return Move.ON

    def _undo(self, held: Waiting) -> Move:
        if not self.decided:
            self._say(_("nothing was decided in this sitting"))
            return Move.AGAIN
        last = self.decided.pop()
        if self._done(lambda: taken_back(self.workspace, last, self.who), last):
            self.decided.pop()
            self.queue.insert(0, held.hold.id)
            self.queue = list(dict.fromkeys([last, *self.queue]))
            return Move.ON
        return Move.AGAIN

    def _done(self, change: _Change, id: str) -> bool:
        """Do it, say so and catch the index up; False, with the reason said, where it could not be done."""
        try:
            with self.workspace.only_reviewer():
                line = change()
        except SohoaError as error:
            self.out.print(Text(_("Error: {error}").format(error=harmless(str(error))), style="bold"))
            return False
        self.decided.append(id)
        for part in line.splitlines():
            self.out.print(Text(f"→ {harmless(part)}"))
        index_or_say(self.workspace)
        return True


def _candidates(doubted: Field) -> list[str]:
    """What was read first, then what else it might be."""
    return list(dict.fromkeys([*([doubted.value] if doubted.value else []), *doubted.candidates]))[:CANDIDATES]


def _keys_of(question: Question) -> str:
    """The keys that answer it, and those that always work."""
    match question:
        case FieldDoubt():
            own = _("1–9 take that · Enter as read · e type it · - the paper has none")
        case CutBefore():
            own = _("y yes · n no, it belongs to the paper before")
        case CutWithin():
            own = _("y yes, cut here · n no, it goes on")
        case OtherDoubt():
            own = _("y take it all the same")
        case _:
            assert_never(question)
    return own + "\n" + _("a accept all as read · s skip · x reject · u undo · q quit")
