"""`swapcast face add`: keep a pack, or make a face of pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from swapcast.realtime.consent import Use, issue_record
from swapcast.realtime.errors import SettingError
from swapcast.realtime.face_store import FaceStore, check_name
from swapcast.realtime.identity import Identity
from swapcast.realtime.policy import accept_policy
from swapcast.realtime.training_consent import consent_record

Say = Callable[[str], None]


@dataclass(frozen=True)
class Add:
    """Keep a .face pack; or make a face of 1 to 20 pictures of a person.

    The first key seen for a person is trusted from then on.
    """

    words: tyro.conf.Positional[tuple[str, ...]]
    """A pack; or a name and pictures."""
    consent: str = ""
    """Of pictures: the subject's consent record: its file, its id or the subject's name
    (`swapcast face records`); or `fictional`, for a person who does not exist."""
    subject: str = ""
    """For a fictional face: what it was made from."""
    statement: str = ""
    """For a fictional face: how you know that nobody has it."""
    scope: tuple[Use, ...] = ("live", "recording")
    """For a fictional face: what it may be used for."""
    student: Path | None = None
    """Of pictures: folder of an own student's files; nothing given: the bundled student."""
    accept_policy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """You have read docs/use-policy.md and accept it."""
    trust: str = ""
    """Fingerprint of a further key, which you compared with its holder."""

    def __post_init__(self) -> None:
        if not self.words:
            raise SettingError("give a pack, or a name and pictures: swapcast face add --help")
        of_pictures = len(self.words) > 1
        if of_pictures and not self.consent:
            raise SettingError("a face of pictures needs the subject's consent: --consent RECORD")
        if self.consent and not of_pictures:
            raise SettingError("--consent goes with a name and pictures; a pack has its own record")
        made_here = self.consent == "fictional"
        if made_here and not (self.subject.strip() and self.statement.strip()):
            raise SettingError("--consent fictional needs --subject and --statement")
        if not made_here and (self.subject or self.statement):
            raise SettingError(
                "--subject and --statement go with --consent fictional; a real person's consent "
                "is a record: swapcast face enroll, swapcast face sign"
            )

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Keep it and say what it is."""
        from swapcast.realtime.face_command import about_face  # noqa: PLC0415 - it lists this one

        if len(self.words) == 1:
            face = store.add(Path(self.words[0]), trust=self.trust)
        else:
            face = self._of_pictures(store, say)
        say(about_face(face))

    def _of_pictures(self, store: FaceStore, say: Say) -> Identity:
        from swapcast.realtime.face_pictures import make_face  # noqa: PLC0415 - loads networks

        name, *pictures = self.words
        check_name(name)
        record = consent_record(
            self.consent,
            store.folder / "faces" / name,
            store,
            fictional=lambda: issue_record(
                subject=self.subject,
                kind="fictional",
                statement=self.statement,
                scope=self.scope,
                key=store.key,
                policy=accept_policy(self.accept_policy, say),
            ),
            subject=self.subject,
            trust=self.trust,
        )
        paths = [Path(picture) for picture in pictures]
        return make_face(name, paths, record, store, say, student=self.student)
