"""Make the person in a picture drawable."""

from dataclasses import dataclass
from pathlib import Path

from swapcast.models.head import Head, Ints, load_head
from swapcast.models.head_draw import Person
from swapcast.models.head_fit import Image, MeshFinder, fit_head, match_mesh
from swapcast.models.head_lids import paint_lids
from swapcast.models.head_skin import lift_skin
from swapcast.models.head_surround import PersonFinder, make_surround


@dataclass(frozen=True, slots=True)
class Maker:
    """What it takes to make people from pictures."""

    head: Head
    mesh: MeshFinder
    outline: PersonFinder
    points: Ints
    """int32 [k]: mesh points that are matched by ``vertices``."""
    vertices: Ints
    """int32 [k]."""


def open_maker(data: Path) -> Maker:
    """Load the head, the networks and their match from a data folder.

    Raises
    ------
    ValueError
        If a file is missing.
    """
    networks = data / "models" / "mediapipe_onnx"
    head = load_head(data / "head3d" / "ict" / "ict_face_full_f16.npz")
    canonical = data / "head3d" / "mediapipe" / "canonical_face_model.obj"
    if not canonical.is_file():
        raise ValueError(f"no canonical face mesh at {canonical}")
    points, vertices = match_mesh(head, canonical)
    outline = PersonFinder(networks / "selfie_segmentation.onnx")
    return Maker(head, MeshFinder(networks), outline, points, vertices)


def make_person(maker: Maker, picture: Image) -> Person:
    """Make the person in a picture drawable.

    Parameters
    ----------
    picture : uint8 [h, w, 3] RGB
        A clear, frontal view.

    Raises
    ------
    ValueError
        If no face is found in the picture.
    """
    head, found = maker.head, maker.mesh(picture)
    if found is None:
        raise ValueError("no clear face in this picture; choose a frontal one without sunglasses")
    fit = fit_head(head, found[maker.points], picture.shape[1::-1], maker.vertices)
    outline = maker.outline(picture)
    skin = lift_skin(head, fit, picture, outline)
    paint_lids(head, skin.texture)
    surround = make_surround(head, fit, picture, outline, skin.light)
    shape = head.shape(fit.shape)
    still = head.move(shape, fit.strengths)[surround.bound]
    return Person(head, shape, fit, skin, surround, still)
