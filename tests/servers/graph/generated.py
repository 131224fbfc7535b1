"""A tenant of any size, the same for the same seed."""

from __future__ import annotations

import random

from tests.servers.graph.tenant import Tenant, for_group, for_person

WORDS = ["harbour", "lantern", "meadow", "orchid", "granite", "velvet", "cobalt", "saffron", "thunder", "willow"]


def generate(items: int, seed: int = 7, path: str = "sites/handbook") -> Tenant:
    """A site with so many files in one library, one in a hundred folders and one in two hundred files shared anew."""
    random_ = random.Random(seed)
    tenant = Tenant()
    people = [f"person{number}@example.com" for number in range(40)]
    groups = [tenant.group(f"team {number}", set(random_.sample(people, 6))) for number in range(10)]
    for email in people:
        tenant.person(email)
    site = tenant.site(path, "Handbook")
    site.permissions = [for_group(groups[0], "write")]
    drive = site.library("Documents")
    folders = ["", *(f"{one}/{two}" for one in WORDS for two in WORDS)]
    for number in range(items):
        text = " ".join(random_.choices(WORDS, k=12))
        drive.put(f"{random_.choice(folders)}/file {number}.txt", f"{number} {text}".encode())
    for path_ in random_.sample(folders[1:], max(1, len(folders) // 100)):
        if any(drive.child(drive.root, path_.partition("/")[0]) is not None for _ in "1"):
            drive.share(path_.partition("/")[0], [for_group(random_.choice(groups))])
    files = [one for one in drive.items.values() if not one.is_folder]
    for item in random_.sample(files, max(1, items // 200)):
        drive.share(drive.path(item), [for_person(tenant, random_.choice(people))])
    return tenant
