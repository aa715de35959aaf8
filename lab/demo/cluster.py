"""The cluster that a demo runs on, and the images for it."""

from concurrent.futures import ThreadPoolExecutor

from lab.base.progress import Progress
from lab.cluster import admin
from lab.cluster.admin import Admin
from lab.images import images


def up(progress: Progress) -> Admin:
    """Start the cluster and build the images of a session.

    Both at once: compilers keep all cores busy, and images mostly wait for downloads. Raise what either raises.
    """
    with ThreadPoolExecutor(1) as beside:
        built = beside.submit(_build_images, progress)
        cluster = admin.up(progress)
        built.result()
    return cluster


def _build_images(progress: Progress) -> None:
    of_the_node = ("pause",) if admin.wanted_profile() == "full" else ()
    for name in (*images.SESSION_IMAGES, *of_the_node):
        images.archive(name, progress)
