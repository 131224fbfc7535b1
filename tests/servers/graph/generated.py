"""A tenant of any size, the same for the same seed."""

from __future__ import annotations

import random

from tests.servers.graph.grants import for_group, for_person
from tests.servers.graph.tenant import Tenant

WORDS = ["harbour", "lantern", "meadow", "orchid", "granite", "velvet", "cobalt", "saffron", "thunder", "willow"]


def generate(items: int, seed: int = 7, path: str = "sites/handbook") -> Tenant:
    """A site with so many files in one library, with one of its folders and one in two hundred files shared anew."""
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
    for name in random_.sample(sorted(one.name for one in drive.children(drive.root) if one.is_folder), 1):
        drive.share(name, [for_group(random_.choice(groups))])
    files = [one for one in drive.items.values() if not one.is_folder]
    for item in random_.sample(files, max(1, items // 200)):
        drive.share(drive.path(item), [for_person(tenant, random_.choice(people))])
    return tenant
